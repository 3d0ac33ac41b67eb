"""Minari's data sets, read from their folders without minari: HDF5 files with a group for each episode."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from .columns import ACTIONS, FLAG, Column, Columns, column_findings
from .hdf5 import read_episodes
from .transitions import ACTION_LIMIT, Array, TransitionData

MAIN_FILE = "data/main_data.hdf5"
KEYS = ("observations", "actions", "rewards", "terminations", "truncations")
LAYOUT = {
    "observations": Column(2),
    "next_observations": Column(2),
    "actions": ACTIONS,
    "rewards": Column(1),
    "terminals": FLAG,
    "timeouts": FLAG,
}
# As in D4RL's files: actions are clipped before they are used.
READ = {**LAYOUT, "actions": Column(2)}


def minari_directory(directory: Path | None = None) -> Path:
    """The given directory, else $MINARI_DATASETS_PATH, else ~/.minari/datasets, as minari has it."""
    return Path(directory or os.environ.get("MINARI_DATASETS_PATH") or "~/.minari/datasets").expanduser()


def is_minari(folder: Path) -> bool:
    """Whether a folder is a data set of Minari with HDF5 files."""
    return (folder / MAIN_FILE).is_file()


def load_minari(folder: Path) -> TransitionData:
    """The transitions of a data set: every step, the last one of an episode with the observation after it.

    Rewards are those of the file. Only terminations mask; an episode ends with its group, whatever the flags say.

    Args:
        folder: of the data set, for instance ~/.minari/datasets/mujoco/hopper/medium-v0.

    Raises:
        DataError: the data set is missing or damaged, is stored as Arrow files, or has observations or actions that
            are no vectors.
    """
    columns, ends = read_unchecked(folder)
    for finding in column_findings(READ, columns):
        raise DataError(f"{folder / MAIN_FILE}: {finding}")
    actions = columns["actions"].astype(np.float32, copy=False)
    return TransitionData(
        observations=columns["observations"].astype(np.float32, copy=False),
        actions=np.clip(actions, -ACTION_LIMIT, ACTION_LIMIT),
        next_observations=columns["next_observations"].astype(np.float32, copy=False),
        rewards=columns["rewards"].astype(np.float32, copy=False),
        masks=1 - columns["terminals"].astype(np.float32),
        terminals=ends,
        origin=f"Minari data set {folder.name}",
    )


def read_unchecked(folder: Path) -> tuple[Columns, Array]:
    """The columns of a data set under D4RL's names, whatever is in them, and where episodes end, (N,).

    Raises:
        DataError: the file is missing or is not one of episodes of numbers.
    """
    file = folder / MAIN_FILE
    if not file.is_file():
        arrow = " (only the HDF5 format is read)" if (folder / "data").is_dir() else ""
        raise DataError(f"{file}: no such data file{arrow}; `minari download ID` fetches a data set of Minari's")
    found = read_episodes(file, KEYS)
    steps = found["steps"]
    # An episode has one observation more than steps.
    begins = np.cumsum(steps + 1) - (steps + 1)
    keeps = np.ones(len(found["observations"]), bool)
    keeps[begins + steps] = False
    follows = np.ones(len(keeps), bool)
    follows[begins] = False
    ends = np.zeros(int(steps.sum()), np.float32)
    ends[np.cumsum(steps) - 1] = 1
    return {
        "observations": found["observations"][keeps],
        "next_observations": found["observations"][follows],
        "actions": found["actions"],
        "rewards": found["rewards"],
        "terminals": found["terminations"],
        "timeouts": found["truncations"],
    }, ends


def findings(folder: Path) -> Iterator[str]:
    """What keeps a folder from being a data set, one line each.

    Raises:
        DataError: it cannot be read at all.
    """
    yield from column_findings(LAYOUT, read_unchecked(folder)[0])
