"""Data files: OGBench's npz layout written in one step, and read back only when it is complete and sane."""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError

REQUIRED = ("observations", "actions", "terminals", "qpos", "qvel")
SIMULATOR = ("mujoco", "ogbench", "gymnasium", "dm_control", "numpy")
Columns = dict[str, npt.NDArray[Any]]


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
    if not path.is_file():
        raise DataError(f"{path}: no such data file; make it with `veloq data make {path.stem}`")
    try:
        # Opened here: when the archive is damaged numpy leaves a file that it opened itself open.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("a single array, not an archive")
            with archive:
                columns = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: not a readable npz file ({error})") from error
    check_columns(path, columns)
    return columns


def check_columns(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise DataError, naming file, key and problem, unless the columns are an OGBench data set."""
    missing = [key for key in REQUIRED if key not in columns]
    if missing:
        raise DataError(f"{path}: missing key {', '.join(missing)}; expected {', '.join(REQUIRED)}")
    rows = len(columns["terminals"]) if columns["terminals"].ndim == 1 else -1
    for key in (*REQUIRED, *(k for k in ("button_states",) if k in columns)):
        _check_column(path, key, columns[key], rows)
    ends = np.flatnonzero(columns["terminals"])
    if len(ends) == 0 or ends[-1] != rows - 1:
        raise DataError(f"{path}: terminals: the last row does not end an episode, the file is cut short")
    if np.diff(ends, prepend=-1).min() < 2:
        raise DataError(f"{path}: terminals: an episode has a single row and so no transition")


def _check_column(path: Path, key: str, column: npt.NDArray[Any], rows: int) -> None:
    dimensions = 1 if key == "terminals" else 2
    kinds = {"terminals": "bfiu", "button_states": "iu"}.get(key, "f")
    if column.ndim != dimensions or len(column) != rows:
        expected = "rows" if dimensions == 1 else "rows, features"
        raise DataError(f"{path}: {key}: shape {column.shape}, expected ({expected}) with {rows} rows")
    if column.dtype.kind not in kinds:
        raise DataError(f"{path}: {key}: dtype {column.dtype} not expected here")
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column.reshape(rows, -1)).all(axis=1))[0])
        raise DataError(f"{path}: {key}: NaN or infinite value, first in row {row}")
    if key == "actions" and np.abs(column).max() > 1 + 1e-6:
        raise DataError(f"{path}: actions: value {np.abs(column).max():.3g} outside [-1, 1]")
    if key == "terminals" and not np.isin(column, (0, 1)).all():
        raise DataError(f"{path}: terminals: values other than 0 and 1")


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
        DataError: the manifest is not a JSON object.
    """
    path = manifest_path(train)
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise DataError(f"{path}: expected a JSON object")
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
