"""How the time of an update grows with each size, with the fitted exponent."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .sizes import Problem, problem
from .timing import median_seconds

Row = dict[str, Any]
ROUNDS = 3
# Values of each axis; the other sizes stay those of QAM's quick preset.
AXES: dict[str, tuple[int, ...]] = {
    "batch": (64, 128, 256, 512, 1024),
    "width": (64, 128, 256, 512),
    "ensemble": (2, 4, 8, 16),
    "flow steps": (5, 10, 20, 40),
    "seeds": (1, 2, 4, 8),
    "rows": (10_000, 100_000, 1_000_000, 10_000_000),
}
MAPPED_ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
ROW_BYTES, BATCH = 4 * (2 * 46 + 5 + 3), 256


def scaling(largest_mapped: int, axes: dict[str, tuple[int, ...]] = AXES) -> Iterator[Row]:
    """One row for each axis and backend, then the cost of sampling from files up to `largest_mapped` rows."""
    for axis, values in axes.items():
        for backend in ("jax", "torch"):
            seconds = [_update_seconds(axis, value, backend) for value in values]
            yield fitted(axis, backend, values, seconds)
    mapped = [*(rows for rows in MAPPED_ROWS if rows < largest_mapped), largest_mapped]
    yield fitted("rows on disk", "numpy", mapped, [mapped_seconds(rows) for rows in mapped])


def fitted(axis: str, backend: str, values: Sequence[int], seconds: Sequence[float]) -> Row:
    """The row of one axis: its times and the exponent p of time ∝ value^p by least squares of the logarithms."""
    exponent = float(np.polyfit(np.log(values), np.log(seconds), 1)[0]) if len(values) > 1 else None
    return {
        "axis": axis,
        "backend": backend,
        "values": list(values),
        "seconds": list(seconds),
        "exponent": exponent,
    }


def _changed(axis: str, value: int) -> Problem:
    changes: dict[str, dict[str, Any]] = {
        "batch": {"batch_size": value},
        "width": {"hidden": (value, value, value)},
        "ensemble": {"critics": value},
        "flow steps": {"flow_steps": value},
        "rows": {"rows": value},
    }
    return problem("qam", "quick", **changes.get(axis, {}))


def _update_seconds(axis: str, value: int, backend: str, updates: int = 5) -> float:
    engine = _changed(axis, value).engine(backend, value if axis == "seeds" else 1)
    state, _ = engine.run(engine.initial(), updates)

    def run() -> None:
        nonlocal state
        # Metrics come back as NumPy arrays, so the updates are done when this returns.
        state, _ = engine.run(state, updates)

    return median_seconds(run, ROUNDS) / updates


def mapped_seconds(rows: int, batches: int = 20) -> float:
    """Seconds to gather one batch of 256 rows from a file of `rows` rows (400 bytes each, as cube-triple's) on disk.

    The file is written beforehand, so that what fits lies in the system's cache; above that, the disk answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows"
        table = np.memmap(file, np.float32, "w+", shape=(rows, ROW_BYTES // 4))
        for start in range(0, rows, 1 << 18):
            table[start : start + (1 << 18)] = start
        table.flush()
        opened = np.memmap(file, np.float32, "r", shape=table.shape)
        rng = np.random.default_rng(0)

        def gather() -> None:
            for _ in range(batches):
                np.take(opened, rng.integers(rows, size=BATCH), axis=0)

        return median_seconds(gather, ROUNDS) / batches
