"""Tasks of D4RL and Minari that can be evaluated today."""

from itertools import chain
from pathlib import Path

from .d4rl import load_d4rl
from .d4rl_tasks import d4rl_tasks
from .gymnasium_task import GymnasiumTask
from .minari import load_minari
from .minari_tasks import minari_tasks
from .transitions import TransitionData

GYMNASIUM_TASKS = {task.name: task for task in chain(d4rl_tasks(), minari_tasks())}


def find_gymnasium_task(name: str) -> GymnasiumTask | None:
    """The task of this name, None when neither source has one or its environment is not supported."""
    return GYMNASIUM_TASKS.get(name)


def load_gymnasium_task(task: GymnasiumTask, directory: Path) -> TransitionData:
    """The transitions of a task's file, rewards as stored.

    Args:
        task: whose.
        directory: where the file lies.

    Raises:
        DataError: the file is missing or damaged.
    """
    if task.minari:
        return load_minari(directory / task.name)
    limit = task.settings["max_episode_steps"] if task.family == "kitchen" else None
    return load_d4rl(directory / task.file_name, limit=limit, walks_on=task.family == "antmaze")
