"""What is in a data file, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ...core.errors import DataError, UsageError
from ..picture import save_picture
from . import d4rl, minari
from .catalogue import DATA_SETS, Task, find_data_set, find_task
from .columns import Columns
from .files import data_directory, findings, read_columns, read_unchecked, train_path
from .mapped import is_mapped, mapped_findings, open_mapped
from .provenance import verify_files
from .relabel import relabel, transitions

HIDDEN_REWARDS = "unknown: the file holds no rewards and its name no data set of OGBench"

MAPPED_REWARDS = "unknown: computed for a portion at a time, while training"
FILE_REWARDS = "those of the file"


@dataclass(frozen=True)
class Inspection:
    """A data file in numbers.

    `shapes` describes every array; `lengths` (E,) counts the transitions of each episode and `returns` (E,) sums
    their rewards without discount. `returns` is None where no rewards are known; `rewards` says whose they are.
    """

    path: Path
    shapes: dict[str, str]
    lengths: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64] | None
    rewards: str

    def lines(self) -> Iterator[tuple[str, str]]:
        """What it says, as names and values."""
        yield "file", str(self.path)
        yield from self.shapes.items()
        yield "transitions", str(self.lengths.sum())
        yield "episodes", str(len(self.lengths))
        yield "length", _statistics(self.lengths)
        yield "rewards", self.rewards
        if self.returns is not None:
            yield "return", _statistics(self.returns)


def check(path: Path) -> list[str]:
    """Everything that is wrong with a data file and its manifest, one line each naming the file.

    Raises:
        DataError: there is no such file.
    """
    if is_mapped(path):
        return [f"{path}: {line}" for line in mapped_findings(path)]
    if not path.is_file() and not minari.is_minari(path):
        raise DataError(f"{path}: no such data file")
    found = []
    try:
        if minari.is_minari(path):
            lines = minari.findings(path)
        elif path.suffix in d4rl.SUFFIXES:
            lines = d4rl.findings(d4rl.read_unchecked(path))
        else:
            lines = findings(read_unchecked(path))
        found += [f"{path}: {line}" for line in lines]
        if path.is_file():
            verify_files(path)
    except DataError as error:
        found.append(str(error))
    return found


def inspect(source: str, directory: Path | None = None) -> Inspection:
    """Counts, shapes, lengths and returns of a data file.

    Args:
        source: a file; or a data set or single-task environment, whose training file is then taken.
        directory: where named data sets lie; default $VELOQ_DATA or `data`.

    Raises:
        UsageError: neither a file nor a name.
        DataError: the file is missing or damaged.
    """
    path, task = _find(source, directory)
    if path.suffix in d4rl.SUFFIXES:
        return Inspection(path, _shapes(d4rl.read_unchecked(path)), *d4rl.load_d4rl(path).episodes(), FILE_REWARDS)
    if minari.is_minari(path):
        shapes = _shapes(minari.read_unchecked(path)[0])
        return Inspection(path, shapes, *minari.load_minari(path).episodes(), FILE_REWARDS)
    if is_mapped(path):
        columns = open_mapped(path)
        return Inspection(path, _shapes(columns), _lengths(columns), None, MAPPED_REWARDS)
    columns = read_columns(path)
    shapes = _shapes(columns)
    if task is None:
        return Inspection(path, shapes, _lengths(columns), None, HIDDEN_REWARDS)
    rewards, masks = relabel(task, columns)
    lengths, returns = transitions(columns, rewards, masks, "").episodes()
    return Inspection(path, shapes, lengths, returns, task.name)


def draw(inspection: Inspection, path: Path) -> None:
    """Histograms of lengths and, where they are known, returns, as a PNG file.

    Raises:
        UsageError: the picture cannot be written there.
    """
    panels: dict[str, npt.NDArray[np.float64]] = {"length": inspection.lengths.astype(np.float64)}
    if inspection.returns is not None:
        panels["return"] = inspection.returns
    figure = Figure(figsize=(4.5 * len(panels), 3.2), layout="constrained")
    for number, (name, values) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), number)
        axes.hist(values, bins=40)
        axes.set_xlabel(name)
        axes.set_ylabel("episodes")
    figure.suptitle(inspection.path.name, fontsize=10)
    try:
        save_picture(figure, path)
    except OSError as error:
        raise UsageError(f"{path}: the picture cannot be written ({error.strerror})") from error


def _find(source: str, directory: Path | None) -> tuple[Path, Task | None]:
    file = Path(source)
    if is_mapped(file) or minari.is_minari(file):
        return file, None
    if minari.is_minari(folder := minari.minari_directory(directory) / source):
        return folder, None
    if file.is_file() or file.suffix in (".npz", *d4rl.SUFFIXES):
        name = file.stem.removesuffix("-val")
        return file, _default_task(name) if name in DATA_SETS else None
    data_set = find_data_set(source)
    task = _default_task(source) if source in DATA_SETS else find_task(source)
    return train_path(data_directory(directory), data_set.name), task


def _default_task(name: str) -> Task:
    return find_task(f"{name.removesuffix('-v0')}-singletask-v0")


def _shapes(columns: Columns) -> dict[str, str]:
    return {key: f"{column.shape} {column.dtype}" for key, column in columns.items()}


def _lengths(columns: Columns) -> npt.NDArray[np.int64]:
    return np.diff(np.flatnonzero(columns["terminals"]), prepend=-1) - 1


def _statistics(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> str:
    return f"min {values.min():g}  mean {values.mean():.2f}  max {values.max():g}  deviation {values.std():.2f}"
