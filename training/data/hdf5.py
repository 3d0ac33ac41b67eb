"""Arrays out of an HDF5 file, read in a process of its own: a damaged file can crash or stall HDF5's library."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ...core.errors import DataError
from . import npz

PROCESS = f"{__package__}.hdf5_process"
# A start takes half a second; unpacking runs at tens of megabytes a second.
SECONDS, BYTES_PER_SECOND = 60.0, 1e6


def read_arrays(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The numeric data sets of these names at the file's root; everything else is left unread.

    Raises:
        DataError: not an HDF5 file, damaged, refers to other files, or declares more than its size can hold.
    """
    return _read("arrays", path, keys)


def read_episodes(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """These numeric data sets of the groups episode_0, episode_1, ..., one after the other, and `steps` of each.

    Raises:
        DataError: as above, or the file is not one of episodes that are complete.
    """
    return _read("episodes", path, keys, "steps")


def _read(what: str, path: Path, keys: Sequence[str], *more: str) -> dict[str, npt.NDArray[Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        arrays = Path(scratch) / "arrays.npz"
        command = [sys.executable, "-m", PROCESS, what, str(path), str(arrays), *keys]
        limit = SECONDS + (path.stat().st_size / BYTES_PER_SECOND if path.is_file() else 0.0)
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"{path}: damaged, HDF5 did not read it within {limit:.0f} s") from error
        if ended.returncode == 1 and ended.stderr.startswith(f"{path}: "):
            raise DataError(ended.stderr.strip())
        if ended.returncode != 0:
            raise DataError(f"{path}: damaged, reading it ended HDF5's process with code {ended.returncode}")
        return npz.read_arrays(arrays, (*keys, *more))
