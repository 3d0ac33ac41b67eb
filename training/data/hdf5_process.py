"""The process that `hdf5` starts: arrays out of an HDF5 file that may be anything, into an npz file.

No links to other files, no foreign filters, bounded memory; but damaged chunks can still crash HDF5's own library.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ..untrusted import check_expansion, refusing

# Any other filter would be a shared library that HDF5 looks for on its plugin path.
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF}


def read_arrays(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """The numeric data sets of these names at the file's root; everything else is left unread.

    Raises:
        DataError: not an HDF5 file, damaged, refers to other files, or declares more than its size can hold.
    """
    # Unlocked, so that a file in a read-only folder opens.
    with refusing(path, "a readable HDF5 file", DataError), h5py.File(path, "r", locking=False) as file:
        found = {key: _data_set(file, key) for key in keys if file.get(key, getlink=True) is not None}
        check_expansion(path, sum(map(_declared, found.values())), DataError)
        return {key: np.asarray(data_set[()]) for key, data_set in found.items()}


def _data_set(file: h5py.File, key: str) -> h5py.Dataset:
    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise ValueError(f"{key}: a link to somewhere else")
    data_set = file[key]
    if not isinstance(data_set, h5py.Dataset) or data_set.shape is None:
        raise ValueError(f"{key}: not an array")
    if data_set.is_virtual or data_set.external:
        raise ValueError(f"{key}: its rows lie in another file")
    if data_set.dtype.kind not in "biuf":
        raise ValueError(f"{key}: dtype {data_set.dtype} is not one of numbers")
    properties = data_set.id.get_create_plist()
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if filters - FILTERS:
        raise ValueError(f"{key}: compressed by another filter than HDF5's own")
    return data_set


def _declared(data_set: h5py.Dataset) -> int:
    """Bytes that reading takes: the array, and one of its chunks while it is unpacked."""
    elements = math.prod(data_set.shape) + math.prod(data_set.chunks or ())
    return int(elements * data_set.dtype.itemsize)


if __name__ == "__main__":
    try:
        np.savez(sys.argv[2], allow_pickle=False, **read_arrays(Path(sys.argv[1]), sys.argv[3:]))
    except DataError as error:
        sys.exit(str(error))
