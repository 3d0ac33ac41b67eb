"""D4RL's HDF5 files, read by path without d4rl or its simulators."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError, UsageError
from .columns import ACTIONS, FLAG, Column, Columns, column_findings
from .hdf5 import read_arrays
from .transitions import ACTION_LIMIT, Array, TransitionData

SUFFIXES = (".hdf5", ".h5")
LAYOUT = {
    "observations": Column(2),
    "actions": ACTIONS,
    "rewards": Column(1),
    "terminals": FLAG,
    "timeouts": Column(1, FLAG.kinds, required=False, flag=True),
    "next_observations": Column(2, required=False),
}
# Actions are clipped before they are used, so that only `veloq data check` speaks of those outside.
READ = {**LAYOUT, "actions": Column(2)}


def load_d4rl(path: Path, *, limit: int | None = None, walks_on: bool = False) -> TransitionData:
    """The transitions of a file, by d4rl's qlearning_dataset and the episode ends of the fql repository.

    The row after a row is its next observation, whatever `next_observations` says. Rows with a timeout and the last
    row are left out, since that row is of another episode or absent; rows with a terminal are kept and masked.
    Rewards are those of the file: what a paper subtracts or scales is not done here.

    Args:
        path: the file.
        limit: length after which an episode ended, for files without `timeouts`; None when only terminals end one.
        walks_on: episodes go on after a terminal, as in antmaze, where it marks that the goal was reached.

    Raises:
        UsageError: the limit is below 1.
        DataError: the file is missing, damaged, or holds no transition.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, got {limit}")
    columns = read_unchecked(path)
    for finding in column_findings(READ, columns):
        raise DataError(f"{path}: {finding}")
    terminals = columns["terminals"].astype(bool)
    timeouts = columns["timeouts"].astype(bool) if "timeouts" in columns else _limit_reached(terminals, limit)
    current = np.flatnonzero(~timeouts[:-1])
    if len(current) == 0:
        raise DataError(f"{path}: every row but the last is a timeout, there is no transition")
    ends = np.append(np.diff(current) > 1, True)
    if not walks_on:
        ends |= terminals[current]
    observations = _float32(columns["observations"])
    return TransitionData(
        observations=observations[current],
        actions=np.clip(_float32(columns["actions"]), -ACTION_LIMIT, ACTION_LIMIT)[current],
        next_observations=observations[current + 1],
        rewards=_float32(columns["rewards"])[current],
        masks=1 - _float32(terminals[current]),
        terminals=_float32(ends),
        origin=f"D4RL file {path.name}",
    )


def read_unchecked(path: Path) -> Columns:
    """The columns of the layout that a file holds, whatever is in them.

    Raises:
        DataError: the file is missing or is not an HDF5 file of numbers.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such data file; `veloq data fetch {path.stem}` fetches D4RL's")
    return read_arrays(path, tuple(LAYOUT))


def findings(columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[str]:
    """What keeps columns from being a D4RL data set, one line each."""
    found = list(column_findings(LAYOUT, columns))
    yield from found
    if not found and not any(columns[key].any() for key in ("terminals", "timeouts") if key in columns):
        yield "terminals: no episode ends, neither by a terminal nor by a timeout"


def _limit_reached(terminals: npt.NDArray[np.bool_], limit: int | None) -> npt.NDArray[np.bool_]:
    rows = np.arange(len(terminals))
    if limit is None:
        return np.zeros(len(terminals), dtype=bool)
    begins = np.append(0, np.flatnonzero(terminals) + 1)
    since = rows - begins[np.searchsorted(begins, rows, side="right") - 1]
    last: npt.NDArray[np.bool_] = since % limit == limit - 1
    return last


def _float32(column: npt.NDArray[Any]) -> Array:
    return column.astype(np.float32, copy=False)
