"""Small good files of every kind that veloq reads, and the ways in which the tests damage them."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st
from small_runs import DESCRIPTION, quiet

from veloq.core.errors import CheckpointError, DataError, VeloqError
from veloq.training import checkpoint
from veloq.training.checkpoint import Checkpoint
from veloq.training.data.convert import convert
from veloq.training.data.d4rl import load_d4rl
from veloq.training.data.files import read_columns, read_manifest
from veloq.training.data.hashes import HASHES, note, read_hashes
from veloq.training.data.mapped import MANIFEST, open_mapped
from veloq.training.data.minari import MAIN_FILE, load_minari
from veloq.training.data.mirrors import TABLE, read_table
from veloq.training.run_folder import CONFIG, METRICS, RunFolder
from veloq.training.train import stored_settings


@dataclass(frozen=True)
class Reader:
    """`make` fills a folder and names the file to damage; `put` stores damaged content; `read` is under test."""

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    error: type[VeloqError]
    text: bool = False
    content: Callable[[Path], bytes] = Path.read_bytes
    put: Callable[[Path, bytes], Any] = Path.write_bytes


def columns(rows: int = 6) -> dict[str, np.ndarray]:
    """Two episodes of an OGBench file."""
    rng = np.random.default_rng(0)
    found = {
        key: rng.uniform(-1, 1, (rows, 2)).astype(np.float32) for key in ("observations", "actions", "qpos", "qvel")
    }
    return {**found, "terminals": np.arange(rows) % (rows // 2) == rows // 2 - 1}


def d4rl_columns(rows: int = 12, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows of a D4RL file, with terminals and timeouts at random."""
    rng = np.random.default_rng(seed)
    observations = rng.standard_normal((rows, 3)).astype(np.float32)
    return {
        "observations": observations,
        "actions": rng.uniform(-1, 1, (rows, 2)).astype(np.float32),
        "rewards": rng.standard_normal(rows).astype(np.float32),
        "terminals": rng.random(rows) < 0.2,
        "timeouts": rng.random(rows) < 0.2,
        "next_observations": observations + 1,
    }


def stored_hdf5(path: Path, found: dict[str, np.ndarray], **storage: Any) -> Path:
    with h5py.File(path, "w") as file:
        for key, column in found.items():
            file.create_dataset(key, data=column, **storage)
    return path


def hdf5(folder: Path) -> Path:
    return stored_hdf5(folder / "data.hdf5", d4rl_columns())


def packed_hdf5(folder: Path) -> Path:
    storage = {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True}
    return stored_hdf5(folder / "data.hdf5", d4rl_columns(), **storage)


def minari_episodes(steps: tuple[int, ...] = (5, 3, 6), seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Episodes as Minari keeps them: an observation more than steps, the last step a termination or a truncation."""
    rng = np.random.default_rng(seed)
    return [
        {
            "observations": rng.standard_normal((count + 1, 3)),
            "actions": rng.uniform(-1, 1, (count, 2)).astype(np.float32),
            "rewards": rng.standard_normal(count),
            "terminations": (np.arange(count) == count - 1) & (number % 2 == 0),
            "truncations": (np.arange(count) == count - 1) & (number % 2 == 1),
        }
        for number, count in enumerate(steps)
    ]


def stored_minari(folder: Path, episodes: list[dict[str, np.ndarray]]) -> Path:
    path = folder / MAIN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, episode in enumerate(episodes):
            for key, column in episode.items():
                file[f"episode_{number}/{key}"] = column
    return folder


def minari(folder: Path) -> Path:
    return stored_minari(folder, minari_episodes()) / MAIN_FILE


def npz(folder: Path) -> Path:
    np.savez(folder / "data.npz", **columns())
    return folder / "data.npz"


def data_manifest(folder: Path) -> Path:
    facts = {"name": "data", "protocol": 1, "seed": 0, "episodes": 2, "transitions": 4}
    path = folder / "data.json"
    path.write_text(json.dumps({**facts, "versions": {"mujoco": "3.3.7"}, "sha256": {"data.npz": "ab"}}))
    return path


def mapped(folder: Path) -> Path:
    return convert([npz(folder)], folder / "mapped", quiet())


def hashes(folder: Path) -> Path:
    note(folder / "data.npz", "ab" * 32, 7, "https://host/data.npz")
    return folder / HASHES


def mirrors(folder: Path) -> Path:
    (folder / TABLE).write_text('ogbench = ["https://host/one", "https://host/two"]\n')
    return folder / TABLE


def saved_checkpoint(folder: Path) -> Path:
    state = {"step": np.array(3), "online/critic/hidden_0.kernel": np.ones((2, 3), np.float32)}
    return checkpoint.save(folder, Checkpoint(3, state, "run", {"evaluated": True, "metrics_bytes": 7}))


def run(folder: Path) -> RunFolder:
    created = RunFolder.create(folder, {**DESCRIPTION, "device": "cpu", "data_directory": "data"})
    created.append({"kind": "training", "step": 1, "metrics": {"loss": [0.5, 0.25]}})
    return created


def in_archive(path: Path) -> bytes:
    """The actions' npy file inside the archive."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("actions.npy")


def put_in_archive(path: Path, content: bytes) -> None:
    """An archive whose checksums are right and whose actions are `content`."""
    with zipfile.ZipFile(path, "w") as archive:
        for key, column in columns().items():
            stream = io.BytesIO()
            np.save(stream, column)
            archive.writestr(f"{key}.npy", content if key == "actions" else stream.getvalue())


def put_state(path: Path, content: bytes) -> None:
    """A checkpoint's arrays under a manifest that vouches for them."""
    path.write_bytes(content)
    manifest = json.loads((path.parent / checkpoint.MANIFEST).read_text())
    manifest["files"][checkpoint.STATE] = hashlib.sha256(content).hexdigest()
    (path.parent / checkpoint.MANIFEST).write_text(json.dumps(manifest))


def read_config(path: Path) -> None:
    stored_settings(RunFolder.open(path.parent))


def read_metrics(path: Path) -> None:
    RunFolder.open(path.parent).records()


READERS = {
    "npz": Reader(npz, read_columns, DataError),
    "npy": Reader(npz, read_columns, DataError, content=in_archive, put=put_in_archive),
    "hdf5": Reader(hdf5, load_d4rl, DataError),
    "packed hdf5": Reader(packed_hdf5, load_d4rl, DataError),
    "minari": Reader(minari, lambda path: load_minari(path.parents[1]), DataError),
    "mapped manifest": Reader(
        lambda folder: mapped(folder) / MANIFEST, lambda path: open_mapped(path.parent), DataError, text=True
    ),
    "mapped npy": Reader(
        lambda folder: mapped(folder) / "actions.npy", lambda path: open_mapped(path.parent), DataError
    ),
    "hashes": Reader(hashes, lambda path: read_hashes(path.parent), DataError, text=True),
    "mirrors": Reader(mirrors, read_table, DataError, text=True),
    "data manifest": Reader(data_manifest, read_manifest, DataError, text=True),
    "state": Reader(
        lambda folder: saved_checkpoint(folder) / checkpoint.STATE,
        lambda path: checkpoint.load(path.parent),
        CheckpointError,
        put=put_state,
    ),
    "checkpoint manifest": Reader(
        lambda folder: saved_checkpoint(folder) / checkpoint.MANIFEST,
        lambda path: checkpoint.load(path.parent),
        CheckpointError,
        text=True,
    ),
    "config": Reader(lambda folder: run(folder).path / CONFIG, read_config, CheckpointError, text=True),
    "metrics": Reader(lambda folder: run(folder).path / METRICS, read_metrics, CheckpointError, text=True),
}

NUMBERS = (0, 1, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
# What a header or a JSON file may say in place of a number or a string.
WORDS = (
    "-1",
    "0",
    "99999999999999999999",
    "1" * 400,
    "1e999",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    "[" * 3000,
    '"../../etc/passwd"',
    '"\\ud800"',
    "'|O'",
    "'<f2'",
    "(4,)",
    '"F8_E4M3"',
    "",
)


def cut(draw: Any, content: bytes) -> bytes:
    return content[: draw(st.integers(0, max(len(content) - 1, 0)))]


def flip(draw: Any, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        if damaged:
            damaged[draw(st.integers(0, len(damaged) - 1))] ^= draw(st.integers(1, 255))
    return bytes(damaged)


def overwrite(draw: Any, content: bytes) -> bytes:
    """A length or an offset somewhere becomes another one, small or enormous."""
    width = draw(st.sampled_from((2, 4, 8)))
    number = draw(st.sampled_from(NUMBERS)) & ((1 << 8 * width) - 1)
    at = draw(st.integers(0, max(len(content) - width, 0)))
    return content[:at] + number.to_bytes(width, "little") + content[at + width :]


def repeat(draw: Any, content: bytes) -> bytes:
    """A piece of the file is found again elsewhere in it."""
    begin, end, at = sorted(draw(st.integers(0, len(content))) for _ in range(3))
    return content[:at] + content[begin:end] + content[at:]


def reword(draw: Any, content: bytes) -> bytes:
    """A number or a string of the text in the file becomes another word."""
    found = [match.span() for match in re.finditer(rb"""-?\b\d+\b|"[^"\n]*"|'[^'\n]*'|true""", content)]
    if not found:
        return cut(draw, content)
    begin, end = draw(st.sampled_from(found[:60]))
    return content[:begin] + draw(st.sampled_from(WORDS)).encode() + content[end:]


@st.composite
def damaged(draw: Any, content: bytes, text: bool) -> bytes:
    """The content after one to three mutations; those of text are mostly made in its words."""
    ways = (reword, reword, reword, flip, cut) if text else (cut, flip, overwrite, repeat, reword)
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.sampled_from(ways))(draw, content)
    return content
