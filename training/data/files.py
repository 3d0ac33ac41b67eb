"""Data files: OGBench's npz layout written in one step, and read back only when it is complete and sane."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ..untrusted import check_types, read_object
from .columns import ACTIONS, FLAG, Column, Columns, column_findings
from .npz import read_arrays

LAYOUT = {
    "observations": Column(2),
    "actions": ACTIONS,
    "terminals": FLAG,
    "qpos": Column(2),
    "qvel": Column(2),
    "button_states": Column(2, "iu", required=False),
}
MANIFEST = {"seed": int, "episodes": int, "transitions": int, "versions": dict, "sha256": dict}
SIMULATOR = ("mujoco", "ogbench", "gymnasium", "dm_control", "numpy")


def data_directory(directory: Path | None = None) -> Path:
    """The given directory, else $VELOQ_DATA, else `data` in the working directory."""
    return Path(directory or os.environ.get("VELOQ_DATA") or "data").expanduser()


def train_path(directory: Path, name: str) -> Path:
    """Where the training rows of a data set lie."""
    return directory / f"{name}.npz"


def validation_path(train: Path) -> Path:
    """The validation file beside a training file, as ogbench's loader expects it."""
    return train.with_name(f"{train.stem}-val.npz")


def manifest_path(train: Path) -> Path:
    """The JSON file that says how a data set was made; official files have none."""
    return train.with_suffix(".json")


def read_columns(path: Path) -> Columns:
    """Read and check one npz file.

    Raises:
        DataError: the file is missing, is not an npz archive, or lacks a key, or one has another dtype or shape,
            is not finite, or the last row does not end an episode.
    """
    columns = read_unchecked(path)
    check_columns(path, columns)
    return columns


def read_unchecked(path: Path) -> Columns:
    """The columns of the layout that an npz file holds, whatever is in them.

    Raises:
        DataError: the file is missing or is not an npz archive of numbers.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such data file; make it with `veloq data make {path.stem}`")
    return read_arrays(path, tuple(LAYOUT))


def check_columns(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise DataError, naming file, key and problem, unless the columns are an OGBench data set."""
    for finding in findings(columns):
        raise DataError(f"{path}: {finding}")


def findings(columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[str]:
    """What keeps columns from being an OGBench data set, one line each."""
    found = list(column_findings(LAYOUT, columns))
    yield from found
    if "terminals" not in columns or any(line.startswith("terminals") for line in found):
        return
    yield from episode_findings(columns["terminals"])


def episode_findings(terminals: npt.NDArray[Any]) -> Iterator[str]:
    """What is wrong with where episodes end."""
    ends = np.flatnonzero(terminals)
    if len(ends) == 0 or ends[-1] != len(terminals) - 1:
        yield "terminals: the last row does not end an episode, the file is cut short"
    elif np.diff(ends, prepend=-1).min() < 2:
        yield "terminals: an episode has a single row and so no transition"


def write_data_set(train: Path, train_rows: Columns, validation_rows: Columns, facts: dict[str, Any]) -> None:
    """Write both npz files and the manifest under temporary names, then rename them into place.

    Args:
        train: path of the training file; the others are named after it.
        train_rows: columns of the training file.
        validation_rows: columns of the validation file.
        facts: what the manifest says besides the SHA-256 of both files.

    Raises:
        DataError: the columns are not a data set; nothing is written then.
    """
    contents = {validation_path(train): validation_rows, train: train_rows}
    for path, columns in contents.items():
        check_columns(path, columns)
    train.parent.mkdir(parents=True, exist_ok=True)
    # The training file is renamed last: a stop in between leaves files that the manifest rejects.
    order = [validation_path(train), manifest_path(train), train]
    partials = {path: path.with_name(f".{path.name}.{os.getpid()}.partial") for path in order}
    try:
        for path, columns in contents.items():
            with partials[path].open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **columns)
        manifest = {**facts, "sha256": {path.name: sha256(partials[path]) for path in contents}}
        partials[manifest_path(train)].write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in order:
            partials[path].replace(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def read_manifest(train: Path) -> dict[str, Any] | None:
    """The manifest of a data file, None for an official file.

    Raises:
        DataError: the manifest is not a JSON object with what a manifest says.
    """
    path = manifest_path(train)
    if not path.is_file():
        return None
    manifest = read_object(path, DataError)
    check_types(path, manifest, MANIFEST, DataError)
    for key in ("versions", "sha256"):
        check_types(path, manifest[key], dict.fromkeys(manifest[key], str), DataError)
    return manifest


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def simulator_versions() -> dict[str, str]:
    """Installed versions of everything the simulated rows depend on."""
    versions = {}
    for package in SIMULATOR:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return versions
