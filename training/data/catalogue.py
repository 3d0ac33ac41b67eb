"""The OGBench data sets and single-task environments veloq knows by name, with their published sizes."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...core.errors import UsageError
from .expert_tasks import EXPERT_TASKS
from .gymnasium_tasks import GYMNASIUM_TASKS, find_gymnasium_task

Family = Literal["pointmaze", "antmaze", "humanoidmaze", "cube", "scene", "puzzle", "other"]
TASKS_PER_ENVIRONMENT = 5
_SINGLETASK = re.compile(r"^(?P<body>.+)-singletask(?:-task(?P<task>[1-5]))?-v0$")


@dataclass(frozen=True)
class DataSet:
    """One published data set: its environment, how it was collected and how large it is.

    `family` "other" has no behaviour policy that could collect it again, so it can only be downloaded.
    `rows` is the length of an episode in the file; it holds `rows - 1` transitions.
    """

    name: str
    environment: str
    family: Family
    variant: str
    episodes: int
    rows: int
    p_random_action: float = 0.0

    @property
    def transitions(self) -> int:
        """Transitions of the published training file."""
        return self.episodes * (self.rows - 1)


@dataclass(frozen=True)
class Task:
    """A single-task environment and the data set that belongs to it; task 0 is the environment's default."""

    name: str
    data_set: DataSet
    task: int

    @property
    def environment(self) -> str:
        """The gymnasium id ogbench registers."""
        base = self.data_set.environment.removesuffix("-v0")
        return f"{base}-singletask-v0" if self.task == 0 else f"{base}-singletask-task{self.task}-v0"


def _data_sets() -> dict[str, DataSet]:
    """Sizes and random-action probabilities of ogbench's data_gen_scripts/commands.sh."""
    sets: list[DataSet] = []

    def add(base: str, variant: str, family: Family, episodes: int, rows: int, p_random: float = 0.0) -> None:
        sets.append(DataSet(f"{base}-{variant}-v0", f"{base}-v0", family, variant, episodes, rows, p_random))

    for size, episodes, rows in [("medium", 1000, 1001), ("large", 1000, 1001), ("giant", 500, 2001)]:
        add(f"pointmaze-{size}", "navigate", "pointmaze", episodes, rows)
        add(f"pointmaze-{size}", "stitch", "pointmaze", 5000, 201)
        add(f"antmaze-{size}", "navigate", "antmaze", episodes, rows)
        add(f"antmaze-{size}", "stitch", "antmaze", 5000, 201)
    # Without a published size or behaviour policy: counted as antmaze is, humanoids with episodes twice as long.
    for variant, episodes, rows in [("navigate", 1000, 1001), ("stitch", 5000, 201)]:
        add("antsoccer-arena", variant, "other", episodes, rows)
        add("antsoccer-medium", variant, "other", episodes, rows)
        for size in ("medium", "large", "giant"):
            add(f"humanoidmaze-{size}", variant, "humanoidmaze", episodes, 2 * rows - 1)
    for number, episodes in [("single", 1000), ("double", 1000), ("triple", 3000), ("quadruple", 5000)]:
        add(f"cube-{number}", "play", "cube", episodes, 1001)
        add(f"cube-{number}", "noisy", "cube", episodes, 1001, 0.1)
    add("scene", "play", "scene", 1000, 1001)
    add("scene", "noisy", "scene", 1000, 1001, 0.1)
    for grid, episodes in [("3x3", 1000), ("4x4", 1000), ("4x5", 3000), ("4x6", 5000)]:
        add(f"puzzle-{grid}", "play", "puzzle", episodes, 1001)
        add(f"puzzle-{grid}", "noisy", "puzzle", episodes, 1001, 0.2)
    return {data_set.name: data_set for data_set in sets}


DATA_SETS = _data_sets()


def find_data_set(name: str) -> DataSet:
    """The data set of this name, or the one a single-task environment belongs to.

    Raises:
        UsageError: the name is unknown; the message lists the nearest names.
    """
    if _SINGLETASK.match(name):
        return find_task(name).data_set
    if name not in DATA_SETS:
        raise UsageError(f"unknown data set {name!r}{_suggestion(name, list(DATA_SETS))}")
    return DATA_SETS[name]


def find_task(name: str) -> Task:
    """Parse `pointmaze-medium-navigate-singletask[-task2]-v0`.

    Raises:
        UsageError: the name is unknown; the message lists the nearest names.
    """
    match = _SINGLETASK.match(name)
    if match is None and find_gymnasium_task(name) is not None:
        raise UsageError(f"{name}: a task of D4RL, this is for OGBench's")
    data_set = DATA_SETS.get(f"{match['body']}-v0") if match else None
    if match is None or data_set is None:
        raise UsageError(f"unknown environment {name!r}{_suggestion(name, [*task_names(), *GYMNASIUM_TASKS])}")
    return Task(name, data_set, int(match["task"] or 0))


def evaluated_in(name: str) -> tuple[str, Mapping[str, Any]]:
    """The gymnasium id of a task of OGBench or D4RL or of an expert's, and what it is made with.

    Raises:
        UsageError: the name is unknown.
    """
    if name in EXPERT_TASKS:
        return EXPERT_TASKS[name], {}
    found = find_gymnasium_task(name)
    return (find_task(name).environment, {}) if found is None else (found.environment, found.settings)


def task_names() -> list[str]:
    """Every single-task name, default task first."""
    endings = ["", *(f"-task{task}" for task in range(1, TASKS_PER_ENVIRONMENT + 1))]
    return [f"{name.removesuffix('-v0')}-singletask{ending}-v0" for name in DATA_SETS for ending in endings]


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known are, for instance, {', '.join(known[:3])}"
