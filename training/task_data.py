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
from .data.gymnasium_tasks import GymnasiumTask, find_gymnasium_task, load_gymnasium_task
from .data.mapped import MANIFEST, is_mapped
from .data.provenance import seen
from .data.rewards import RAW, Family, Labelling, labelling
from .data.streaming import Prefetch, Stream
from .data.transitions import TransitionData, as_engine_data
from .settings import Settings


@dataclass(frozen=True)
class TaskData:
    """The rows of a task on the host and where they came from; of a memory-mapped set, the portion that is due.

    `labelled` was done to their rewards and is done to those of the environment online.
    """

    transitions: Transitions
    file: Path
    directory: Path
    digest: str
    origin: str
    manifest: Mapping[str, Any] | None
    labelled: Labelling = RAW
    stream: Prefetch | None = None


def load_task_data(settings: Settings, console: Console, step: int) -> TaskData:
    """The rows that a run trains on at a step; a missing OGBench set is made where the settings allow it.

    Raises:
        UsageError: the settings ask for what this task has not.
        DataError: the data is missing or damaged.
    """
    if (gymnasium_task := find_gymnasium_task(settings.env)) is not None:
        return _gymnasium(settings, gymnasium_task, console)
    if settings.env in EXPERT_TASKS:
        rows = uniform_rows(settings.env)
        return TaskData(as_engine_data(rows), Path(settings.env), Path(), _digest(rows.rewards), rows.origin, None)
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
    return TaskData(as_engine_data(rows), file, file.parent, digest, rows.origin, manifest, labelled)


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
    return TaskData(as_engine_data(rows), file, directory, digest, source, None, labelled)


def _streamed(settings: Settings, task: Task, folder: Path, step: int) -> TaskData:
    """The portion of a memory-mapped set that is due at a step; its manifest's hash stands for all files."""
    if settings.rewards != "raw":
        raise UsageError(f"rewards: {settings.rewards} is not a choice for portions of {folder}")
    stream = Stream(folder, task, settings.portion, settings.portions, settings.seeds[0])
    due = Prefetch(stream)
    rows = due.portion(step // settings.portion_every)
    digest = sha256(folder / MANIFEST)
    return TaskData(as_engine_data(rows), folder, folder.parent, digest, stream.origin, None, stream=due)
