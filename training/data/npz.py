"""Arrays out of an npz archive that may be anything: nothing is unpickled and nothing larger than the file allows."""

import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ...core.errors import DataError
from ..untrusted import check_expansion, refusing

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1
# Twice what numpy.save ever writes for an array of numbers.
HEADER_BYTES = 512


def read_arrays(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The numeric arrays of these names that an npz archive holds; all others are left unread.

    Raises:
        DataError: not an npz archive, damaged, holds pickled objects, or declares more than its size can hold.
    """
    with refusing(path, "a readable npz file", DataError), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        present = set(archive.namelist())
        members = {key: archive.getinfo(f"{key}.npy") for key in keys if f"{key}.npy" in present}
        check_expansion(path, sum(member.file_size for member in members.values()), DataError)
        return {key: _read_array(archive, member) for key, member in members.items()}


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    member_header(archive, member)
    with archive.open(member) as stream:
        array: npt.NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        # The checksum is only compared at the end of the member.
        stream.read(1)
    return array


def member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an archive's array.

    Raises:
        ValueError: it is not one that numpy writes of numbers, or says more than is there.
    """
    if member.compress_type not in METHODS or member.flag_bits & ENCRYPTED:
        raise ValueError(f"{member.filename}: compressed or encrypted by another method than numpy's")
    with archive.open(member) as stream:
        return _read_header(member, io.BytesIO(stream.read(HEADER_BYTES)))


def _read_header(member: zipfile.ZipInfo, start: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(start)
    if version not in readers:
        raise ValueError(f"{member.filename}: npy version {version} is not used for arrays of numbers")
    shape, _, dtype = readers[version](start, max_header_size=HEADER_BYTES)
    if dtype.kind not in "biuf":
        raise ValueError(f"{member.filename}: dtype {dtype} is not one of numbers")
    if min(shape, default=0) < 0 or start.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename}: shape {shape} does not fit the {member.file_size} bytes stored")
    return shape, dtype
