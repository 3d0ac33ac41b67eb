"""Portions of a memory-mapped data set as large as the papers': rows per second, and what they hold in memory."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..training.data.catalogue import find_task
from ..training.data.files import LAYOUT
from ..training.data.mapped import write_manifest
from ..training.data.streaming import Scheme, Stream

TASK = "antmaze-large-navigate-singletask-v0"
WIDTHS = {"observations": 29, "actions": 8, "qpos": 15, "qvel": 14}
EPISODE, PORTION, PORTIONS = 1001, 1_000_000, 6
STATUS = Path("/proc/self/status")
Row = dict[str, Any]


def portions(rows: int) -> Iterator[Row]:
    """Time and memory of a million rows out of a synthetic set of about `rows`, with antmaze's widths, on disk."""
    episodes = max(PORTION // (EPISODE - 1) + 1, rows // EPISODE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "antmaze"
        written = _write(folder, episodes)
        before = _kibibytes("RssAnon")
        for scheme in get_args(Scheme):
            stream = Stream(folder, find_task(TASK), PORTION, scheme)
            seconds, held = [], 0
            for number in range(PORTIONS):
                began = time.perf_counter()
                found = stream.portion(number)
                seconds.append(time.perf_counter() - began)
                held = max(held, _kibibytes("RssAnon"))
                del found
            median = float(np.median(seconds))
            yield {
                "scheme": scheme,
                "rows": episodes * EPISODE,
                "bytes_on_disk": written,
                "portion": PORTION,
                "seconds": median,
                "rows_per_second": PORTION / median,
                "anonymous_bytes": 1024 * (held - before),
            }


def _write(folder: Path, episodes: int) -> int:
    """A set of so many episodes, one block of random ones over and over; returns its bytes."""
    folder.mkdir()
    rng, block = np.random.default_rng(0), 1000
    described: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, width in WIDTHS.items():
        shape = (episodes * EPISODE, width)
        mapped = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shape)
        rows = rng.uniform(-1, 1, (block * EPISODE, width)).astype(np.float32)
        for begin in range(0, len(mapped), len(rows)):
            mapped[begin : begin + len(rows)] = rows[: len(mapped) - begin]
        mapped.flush()
        described[name] = (shape, "float32")
    ends = np.lib.format.open_memmap(folder / "terminals.npy", "w+", np.bool_, (episodes * EPISODE,))
    ends[EPISODE - 1 :: EPISODE] = True
    ends.flush()
    described["terminals"] = ((len(ends),), "bool")
    write_manifest(folder, {name: described[name] for name in LAYOUT if name in described}, [])
    return sum(path.stat().st_size for path in folder.iterdir())


def _kibibytes(name: str) -> int:
    """A line of this process's status; anonymous memory leaves out the mapped file, which the system may drop."""
    return int(next(line for line in STATUS.read_text().splitlines() if line.startswith(name)).split()[1])
