"""Transitions of one task: rewards and masks from the current state, by ogbench's own relabelling."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ..randomness import seeded_global_generator
from ..simulator import make_environment
from .catalogue import Task, find_task
from .columns import Columns
from .files import data_directory, read_columns, simulator_versions, train_path, validation_path
from .provenance import origin
from .transitions import ACTION_LIMIT, Array, TransitionData


def load_task(
    env_name: str,
    directory: Path | None = None,
    *,
    split: str = "train",
    console: Console | None = None,
) -> TransitionData:
    """Read a task's data file, check it, and label it.

    Args:
        env_name: for instance pointmaze-medium-navigate-singletask-v0.
        directory: where the data files are; default $VELOQ_DATA or `data`.
        split: "train" or "validation".
        console: told aloud when the data were made with another simulator than the installed one.

    Raises:
        UsageError: unknown environment.
        DataError: the file is missing, damaged, or does not belong to its manifest.
    """
    task = find_task(env_name)
    train = train_path(data_directory(directory), task.data_set.name)
    columns = read_columns(train if split == "train" else validation_path(train))
    source, manifest = origin(train)
    if manifest is not None:
        installed = simulator_versions()
        differing = [
            f"{package} {old} (installed {installed.get(package)})"
            for package, old in manifest["versions"].items()
            if installed.get(package) != old
        ]
        if differing and console is not None:
            line = f"warning: {train.name} was made with {', '.join(differing)}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    rewards, masks = relabel(task, columns)
    return transitions(columns, rewards, masks, source)


def relabel(task: Task, columns: Columns, environment: Any = None) -> tuple[Array, Array]:
    """Rewards and masks of every row, (rows,) each, the last rows of episodes included.

    r_t is the number of satisfied parts of the task in s_t minus the number of parts; mask_t = 0 iff all are.

    Args:
        task: whose rewards.
        columns: of the data set.
        environment: the task's, when there is one already; each new maze leaks a file descriptor.
    """
    from ogbench.relabel_utils import relabel_dataset

    made = environment is None
    environment = make_environment(task.environment) if made else environment
    rows: Columns = {key: columns[key] for key in ("qpos", "button_states") if key in columns}
    try:
        with seeded_global_generator(0):
            relabel_dataset(task.environment, environment, rows)
    finally:
        if made:
            environment.close()
    return rows["rewards"], rows["masks"]


def transitions(columns: Columns, rewards: Array, masks: Array, origin: str) -> TransitionData:
    """Every row but the last of each episode, with the row after it; rewards and masks (rows,) of all rows."""
    ends = columns["terminals"].astype(bool)
    current = np.flatnonzero(~ends)
    observations = columns["observations"].astype(np.float32, copy=False)
    actions = columns["actions"].astype(np.float32, copy=False)[current]
    return TransitionData(
        observations=observations[current],
        actions=np.clip(actions, -ACTION_LIMIT, ACTION_LIMIT),
        next_observations=observations[current + 1],
        rewards=rewards[current],
        masks=masks[current],
        terminals=ends[current + 1].astype(np.float32),
        origin=origin,
    )
