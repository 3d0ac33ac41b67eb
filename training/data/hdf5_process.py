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


def read_episodes(path: Path, keys: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """These numeric data sets of the groups episode_0, episode_1, ..., one after the other, and `steps` of each.

    An episode has one row of observations more than steps. A group of this name stands for the arrays in it, side by
    side in the order of their names, as gymnasium flattens dictionaries.

    Raises:
        DataError: as above, or an episode is missing, lacks a data set or has another number of rows in one.
    """
    with refusing(path, "a readable HDF5 file of episodes", DataError), h5py.File(path, "r", locking=False) as file:
        names = [name for name in file if name.startswith("episode_")]
        if not names:
            raise ValueError("no group episode_0")
        episodes = [_episode(file, f"episode_{number}", keys) for number in range(len(names))]
        found = [[part for parts in episode.values() for part in parts] for episode in episodes]
        check_expansion(path, sum(_declared(part) for parts in found for part in parts), DataError)
        if len({tuple(part.name.split("/", 2)[2] for part in parts) for parts in found}) != 1:
            raise ValueError("not the same arrays in every episode")
        arrays = {key: np.concatenate([_joined(episode[key]) for episode in episodes]) for key in keys}
        return {**arrays, "steps": np.array([len(episode["rewards"][0]) for episode in episodes])}


def _joined(parts: list[h5py.Dataset]) -> npt.NDArray[Any]:
    read = [np.asarray(part[()]) for part in parts]
    return read[0] if len(read) == 1 else np.concatenate(read, axis=1)


def _episode(file: h5py.File, name: str, keys: Sequence[str]) -> dict[str, list[h5py.Dataset]]:
    group = _own(file, name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{name}: missing, a link to somewhere else, or no group")
    found = {key: _parts(group, key, f"{name}/") for key in keys}
    rewards = found["rewards"][0]
    steps = len(rewards) if rewards.shape else 0
    if steps == 0:
        raise ValueError(f"{name}: no step")
    for key, parts in found.items():
        rows = steps + 1 if key == "observations" else steps
        for part in parts:
            if not part.shape or part.shape[0] != rows:
                raise ValueError(f"{part.name.lstrip('/')}: shape {part.shape}, expected {rows} rows")
    return found


def _parts(file: h5py.Group, key: str, place: str) -> list[h5py.Dataset]:
    """The array of this name, or those in the group of this name, as mazes have them for observations with goals.

    Groups inside it are left out: the kitchen's goals, which are the same everywhere.
    """
    inner = _own(file, key)
    if not isinstance(inner, h5py.Group):
        return [_data_set(file, key, place)]
    names = sorted(name for name in inner if not isinstance(_own(inner, name), h5py.Group))
    if not names:
        raise ValueError(f"{place}{key}: neither an array nor a dictionary of arrays")
    return [_data_set(inner, name, f"{place}{key}/") for name in names]


def _data_set(file: h5py.Group, key: str, place: str = "") -> h5py.Dataset:
    name = f"{place}{key}"
    data_set = _own(file, key)
    if data_set is None:
        raise ValueError(f"{name}: missing, or a link to somewhere else")
    if not isinstance(data_set, h5py.Dataset) or data_set.shape is None:
        raise ValueError(f"{name}: not an array")
    if data_set.is_virtual or data_set.external:
        raise ValueError(f"{name}: its rows lie in another file")
    if data_set.dtype.kind not in "biuf":
        raise ValueError(f"{name}: dtype {data_set.dtype} is not one of numbers")
    properties = data_set.id.get_create_plist()
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if filters - FILTERS:
        raise ValueError(f"{name}: compressed by another filter than HDF5's own")
    return data_set


def _own(group: h5py.Group, key: str) -> Any:
    """What a name stands for in this file itself; None where nothing does, or a link leads elsewhere."""
    return group[key] if isinstance(group.get(key, getlink=True), h5py.HardLink) else None


def _declared(data_set: h5py.Dataset) -> int:
    """Bytes that reading takes: the array, and one of its chunks while it is unpacked."""
    elements = math.prod(data_set.shape) + math.prod(data_set.chunks or ())
    return int(elements * data_set.dtype.itemsize)


if __name__ == "__main__":
    try:
        read = {"arrays": read_arrays, "episodes": read_episodes}[sys.argv[1]]
        np.savez(sys.argv[3], allow_pickle=False, **read(Path(sys.argv[2]), sys.argv[4:]))
    except DataError as error:
        sys.exit(str(error))
