"""Data sets as memory-mapped arrays: a folder with one .npy file for each column and a hashed manifest."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ...core.errors import DataError
from ..untrusted import check_types, read_object, refusing
from .columns import Columns, column_findings
from .files import LAYOUT, episode_findings, sha256

MANIFEST = "manifest.json"
FORMAT = 1
FACTS = {"format": int, "rows": int, "arrays": dict, "sources": list}
ARRAY = {"shape": list, "dtype": str, "sha256": str}
HEADER_BYTES = 512
# Rows that are looked at together; a hundred million are never in memory at once.
PIECE = 1 << 20


def is_mapped(path: Path) -> bool:
    """Whether this is a folder of memory-mapped arrays."""
    return (path / MANIFEST).is_file()


def open_mapped(folder: Path) -> Columns:
    """The columns of a folder, mapped read-only; what their headers and sizes say is compared with the manifest.

    Raises:
        DataError: something is missing, damaged or not as the manifest says. Bytes inside are not read.
    """
    manifest = read_manifest(folder)
    columns = {name: _mapped(folder / f"{name}.npy", facts) for name, facts in manifest["arrays"].items()}
    if missing := [key for key, column in LAYOUT.items() if column.required and key not in columns]:
        raise DataError(f"{folder}: missing column {', '.join(missing)}")
    if any(len(column) != manifest["rows"] for column in columns.values()):
        raise DataError(f"{folder / MANIFEST}: damaged, expected every array to have {manifest['rows']} rows")
    return columns


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder says.

    Raises:
        DataError: it is damaged or of another format.
    """
    path = folder / MANIFEST
    manifest = read_object(path, DataError)
    check_types(path, manifest, FACTS, DataError)
    if manifest["format"] != FORMAT:
        raise DataError(f"{path}: format {manifest['format']}, expected {FORMAT}")
    for name, facts in manifest["arrays"].items():
        # Names become paths: only those of the layout are taken.
        if name not in LAYOUT:
            raise DataError(f"{path}: damaged, {name[:80]!r} is no column of a data set")
        check_types(path, manifest["arrays"], {name: dict}, DataError)
        check_types(path, facts, ARRAY, DataError)
    return manifest


def mapped_findings(folder: Path) -> Iterator[str]:
    """Everything that is wrong with a folder, one line each; every byte is read, a million rows at a time.

    Raises:
        DataError: it cannot be opened.
    """
    columns = open_mapped(folder)
    for name, facts in read_manifest(folder)["arrays"].items():
        if sha256(folder / f"{name}.npy") != facts["sha256"]:
            yield f"{name}: its SHA-256 is not the one of the manifest"
    yield from column_pieces_findings(columns)


def column_pieces_findings(columns: Columns) -> Iterator[str]:
    """What keeps columns from being an OGBench data set, looked at in pieces."""
    rows, sound = len(columns["terminals"]), True
    for begin in range(0, rows, PIECE):
        piece = {name: np.asarray(column[begin : begin + PIECE]) for name, column in columns.items()}
        for finding in column_findings(LAYOUT, piece):
            sound = False
            yield f"rows {begin} to {begin + len(piece['terminals']) - 1}: {finding}"
    if sound:
        yield from episode_findings(columns["terminals"])


def write_manifest(folder: Path, columns: Mapping[str, tuple[tuple[int, ...], str]], sources: list[Any]) -> None:
    """Hash the files of a folder and write its manifest, synced; `columns` are shapes and dtypes by name."""
    arrays = {
        name: {"shape": list(shape), "dtype": dtype, "sha256": sha256(folder / f"{name}.npy")}
        for name, (shape, dtype) in columns.items()
    }
    rows = next(iter(columns.values()))[0][0]
    manifest = {"format": FORMAT, "rows": rows, "arrays": arrays, "sources": sources}
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        file.write(json.dumps(manifest, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _mapped(path: Path, facts: Mapping[str, Any]) -> npt.NDArray[Any]:
    with refusing(path, "a readable npy file", DataError):
        with path.open("rb") as file:
            version = npy.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"npy version {version}")
            shape, fortran, dtype = npy.read_array_header_1_0(file, max_header_size=HEADER_BYTES)
            offset = file.tell()
        if fortran or dtype.kind not in "biuf" or (list(shape), dtype.name) != (facts["shape"], facts["dtype"]):
            raise ValueError(f"{dtype} {shape}, its manifest says {facts['dtype']} {facts['shape']}")
        if (
            not shape
            or min(shape) < 1
            or path.stat().st_size != offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
        ):
            raise ValueError(f"{path.stat().st_size} bytes do not hold {shape} of {dtype}")
        return np.memmap(path, dtype, "r", offset, shape)
