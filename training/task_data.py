"""What a run trains on: the rows of its task, whichever source they are from, and how they are known again."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from ..core.engine import Transitions
from ..core.errors import UsageError
from .data import load_task, make
from .data.catalogue import Task, find_task
from .data.expert_tasks import EXPERT_TASKS, uniform_rows
from .data.files import data_directory, read_manifest, sha256, train_path
from .data.gymnasium_task import GymnasiumTask
from .data.gymnasium_tasks import find_gymnasium_task, load_gymnasium_task
from .data.mapped import MANIFEST, is_mapped
from .data.provenance import seen
from .data.rewards import RAW as UNLABELLED
from .data.rewards import Family, Labelling, labelling
from .data.streaming import Prefetch, Stream
from .data.transitions import TransitionData, as_engine_data
from .normaliser import RAW, Normaliser, measured
from .settings import Settings

PICTURED_ROWS = 100_000


@dataclass(frozen=True)
class TaskData:
    """The rows of a task on the host and where they came from; of a memory-mapped set, the portion that is due.

    Attributes:
        transitions: observations as the run sees them.
        positions: (n, 2), the first two numbers of some observations as they are: in mazes where the data went.
        file, directory, digest, origin, manifest: what config.json says of the data.
        labelled: what was done to the rewards and is done to those of the environment online.
        normaliser: what was done to the observations and is done to those of the environment.
        stream: where further portions come from.
    """

    transitions: Transitions
    positions: npt.NDArray[np.float32]
    file: Path
    directory: Path
    digest: str
    origin: str
    manifest: Mapping[str, Any] | None
    labelled: Labelling
    normaliser: Normaliser = RAW
    stream: Prefetch | None = None


def load_task_data(settings: Settings, console: Console, step: int, normaliser: Normaliser | None = None) -> TaskData:
    """The rows that a run trains on at a step; a missing OGBench set is made where the settings allow it.

    Args:
        settings: of the run.
        console: where a user is told what is not obvious.
        step: at which the run begins or goes on.
        normaliser: that of a run that goes on; None to measure it where observations are to be normalised.

    Raises:
        UsageError: the settings ask for what this task has not.
        DataError: the data is missing or damaged.
    """
    data = _as_they_are(settings, console, step)
    if settings.observations == "raw":
        return data
    rows = data.transitions
    normaliser = normaliser or measured(rows.observations)
    observations, following = normaliser(rows.observations), normaliser(rows.next_observations)
    seen = rows._replace(observations=observations, next_observations=following)
    return dataclasses.replace(data, transitions=seen, normaliser=normaliser)


def _as_they_are(settings: Settings, console: Console, step: int) -> TaskData:
    if (gymnasium_task := find_gymnasium_task(settings.env)) is not None:
        return _gymnasium(settings, gymnasium_task, console)
    if settings.env in EXPERT_TASKS:
        rows = uniform_rows(settings.env)
        return _known(rows, Path(settings.env), Path(), _digest(rows.rewards), rows.origin)
    task = find_task(settings.env)
    data_set = task.data_set
    file = train_path(data_directory(settings.data_directory), data_set.name)
    if not file.is_file() and is_mapped(folder := file.with_suffix("")):
        return _streamed(settings, task, folder, step)
    if not file.is_file() and settings.transitions is not None:
        console.print(f"{file} is missing: making {settings.transitions} transitions", highlight=False, soft_wrap=True)
        make(
            data_set.name,
            settings.transitions,
            workers=settings.workers,
            directory=settings.data_directory,
            console=console,
        )
    rows = load_task(settings.env, settings.data_directory, console=console)
    rows, labelled = _labelled(settings, "ogbench", rows)
    manifest = read_manifest(file)
    digest = sha256(file) if manifest is None else manifest["sha256"][file.name]
    return _known(rows, file, file.parent, digest, rows.origin, manifest, labelled)


def _known(
    rows: TransitionData,
    file: Path,
    directory: Path,
    digest: str,
    origin: str,
    manifest: Mapping[str, Any] | None = None,
    labelled: Labelling = UNLABELLED,
    stream: Prefetch | None = None,
) -> TaskData:
    positions = rows.observations[:: max(1, len(rows) // PICTURED_ROWS), :2]
    return TaskData(as_engine_data(rows), positions, file, directory, digest, origin, manifest, labelled, stream=stream)


def _labelled(settings: Settings, family: Family, rows: TransitionData) -> tuple[TransitionData, Labelling]:
    labelled = labelling(settings.rewards, family, rows)
    if settings.rewards == "raw":
        return rows, labelled
    origin = f"{rows.origin}, {settings.rewards} rewards"
    return dataclasses.replace(rows, rewards=labelled(rows.rewards), origin=origin), labelled


def _digest(column: npt.NDArray[np.float32]) -> str:
    return hashlib.sha256(column.tobytes()).hexdigest()


def _gymnasium(settings: Settings, task: GymnasiumTask, console: Console) -> TaskData:
    directory = task.directory(settings.data_directory)
    rows, labelled = _labelled(settings, task.family, load_gymnasium_task(task, directory))
    console.print(f"{task.name}: {task.remark}", highlight=False, soft_wrap=True)
    file = directory / task.file_name
    digest, source = sha256(file), rows.origin
    if not task.minari:  # whose folders are minari's own
        source = f"{rows.origin}, {seen(file, digest)}"
    return _known(rows, file, directory, digest, source, None, labelled)


def _streamed(settings: Settings, task: Task, folder: Path, step: int) -> TaskData:
    """The portion of a memory-mapped set that is due at a step; its manifest's hash stands for all files."""
    for name in ("rewards", "observations"):
        if (chosen := getattr(settings, name)) != "raw":
            raise UsageError(f"{name}: {chosen} is not a choice for portions of {folder}")
    stream = Stream(folder, task, settings.portion, settings.portions, settings.seeds[0])
    due = Prefetch(stream)
    rows = due.portion(step // settings.portion_every)
    digest = sha256(folder / MANIFEST)
    return _known(rows, folder, folder.parent, digest, stream.origin, stream=due)
