"""Every data set that veloq knows, how it can be had, and what of it is here."""

from collections.abc import Iterator
from pathlib import Path

from ...core.errors import DataError
from .catalogue import DATA_SETS, DataSet
from .expert_mazes import EXPERTS, TASKS
from .files import read_manifest, train_path, validation_path
from .hashes import read_hashes
from .make import COLLECTORS

HEAD = ("name", "published transitions", "sources", "here")


def inventory(directory: Path) -> Iterator[tuple[str, ...]]:
    """A table of all data sets, head first.

    Raises:
        DataError: hashes.json is damaged.
    """
    known = read_hashes(directory)
    yield HEAD
    for data_set in DATA_SETS.values():
        train = train_path(directory, data_set.name)
        yield data_set.name, f"{data_set.transitions:,}", sources(data_set), _state(train, train.name in known)


def sources(data_set: DataSet) -> str:
    """How a data set can be had."""
    if data_set.family in COLLECTORS or data_set.family in EXPERTS:
        return "download, made again"
    return "download, made by one's own expert" if data_set.family in TASKS else "download"


def _state(train: Path, seen: bool) -> str:
    if not train.is_file():
        return "-"
    if not validation_path(train).is_file():
        return "training file alone, validation file missing"
    try:
        manifest = read_manifest(train)
    except DataError:
        return "damaged manifest"
    if manifest is not None:
        return f"made here, seed {manifest['seed']}, {manifest['transitions']:,} transitions"
    return f"official, {train.stat().st_size / 1e6:.0f} MB, {'hash known' if seen else 'not yet read'}"
