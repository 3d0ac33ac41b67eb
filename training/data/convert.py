"""One-off conversion of npz files to memory-mapped arrays, column by column in bounded memory."""

import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ...core.errors import DataError, UsageError
from ..untrusted import check_expansion, refusing
from .files import LAYOUT, sha256
from .mapped import column_pieces_findings, open_mapped, write_manifest
from .npz import member_header

BYTES = 16 << 20


@dataclass(frozen=True)
class _Member:
    """One column in one archive."""

    archive: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def convert(sources: Sequence[Path], output: Path, console: Console) -> Path:
    """Write the rows of npz files, one after the other, as a folder of memory-mapped arrays.

    Args:
        sources: npz files in OGBench's layout with the same columns; large sets are published as several.
        output: the folder, which must not be there yet; it appears when everything is written and checked.
        console: where progress is told.

    Raises:
        UsageError: no source, or the output exists.
        DataError: a source is missing, damaged, or unlike the first; nothing is left then.
    """
    if not sources:
        raise UsageError("convert: name at least one npz file")
    if output.exists():
        raise UsageError(f"{output}: is there already; name another folder with --output")
    named = [_names(source) for source in sources]
    if any(names != named[0] for names in named):
        raise DataError(f"{output}: the sources hold different columns: {named}")
    members = {name: [_member(source, name) for source in sources] for name in named[0]}
    shapes = {name: _joined(parts) for name, parts in members.items()}
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        _write(partial, members, shapes, console)
        described = {name: (shape, dtype.name) for name, (shape, dtype) in shapes.items()}
        write_manifest(partial, described, [{"file": source.name, "sha256": sha256(source)} for source in sources])
        for finding in column_pieces_findings(open_mapped(partial)):
            raise DataError(f"{sources[0] if len(sources) == 1 else output}: {finding}")
        partial.rename(output)
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output


def _names(source: Path) -> list[str]:
    if not source.is_file():
        raise DataError(f"{source}: no such data file")
    with refusing(source, "a readable npz file", DataError), zipfile.ZipFile(source) as archive:
        names = [name for name in LAYOUT if f"{name}.npy" in archive.namelist()]
        check_expansion(source, sum(archive.getinfo(f"{name}.npy").file_size for name in names), DataError)
    if missing := [name for name, column in LAYOUT.items() if column.required and name not in names]:
        raise DataError(f"{source}: missing key {', '.join(missing)}")
    return names


def _member(source: Path, name: str) -> _Member:
    with refusing(source, f"a readable npz file with {name}", DataError), zipfile.ZipFile(source) as archive:
        shape, dtype = member_header(archive, archive.getinfo(f"{name}.npy"))
        if len(shape) != LAYOUT[name].dimensions:
            raise ValueError(f"{name} has shape {shape}")
        return _Member(source, name, shape, dtype)


def _joined(parts: Sequence[_Member]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a column out of all sources; numbers become float32, as everywhere."""
    first = parts[0]
    for part in parts:
        if (part.shape[1:], part.dtype) != (first.shape[1:], first.dtype):
            raise DataError(
                f"{part.archive}: {part.name} is {part.dtype} {part.shape}, in {first.archive.name} it is "
                f"{first.dtype} {first.shape}"
            )
    dtype = np.dtype(np.float32) if first.dtype.kind == "f" else first.dtype
    return (sum(part.shape[0] for part in parts), *first.shape[1:]), dtype


def _write(folder: Path, members: Any, shapes: Any, console: Console) -> None:
    folder.mkdir(parents=True)
    total = sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in shapes.values())
    if total > shutil.disk_usage(folder).free:
        raise DataError(f"{folder.parent}: no room for {total} bytes")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("converting", total=total)
        for name, parts in members.items():
            shape, dtype = shapes[name]
            header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            with (folder / f"{name}.npy").open("wb") as file:
                npy.write_array_header_1_0(file, header)
                for part in parts:
                    _copy(part, dtype, file, lambda written: bar.advance(task, written))
                file.flush()
                os.fsync(file.fileno())


def _copy(part: _Member, dtype: np.dtype[Any], file: BinaryIO, report: Any) -> None:
    """Append the rows of a member, a piece at a time; the archive's checksum is compared at its end."""
    piece = BYTES // part.dtype.itemsize * part.dtype.itemsize
    with (
        refusing(part.archive, f"a readable npz file with {part.name}", DataError),
        zipfile.ZipFile(part.archive) as archive,
        archive.open(f"{part.name}.npy") as stream,
    ):
        npy.read_magic(stream)
        npy.read_array_header_1_0(stream)
        while payload := stream.read(piece):
            rows = np.frombuffer(payload, part.dtype).astype(dtype, copy=False)
            file.write(rows.tobytes())
            report(rows.nbytes)
