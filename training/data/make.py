"""`veloq data make`: the official file when it can be had, else the same protocol run again."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...core.errors import DataError, UsageError
from . import expert_mazes, manipulation, pointmaze
from .catalogue import DataSet, find_data_set
from .collection import TRAIN, VALIDATION, CollectorFactory, collect_episodes, episode_seeds, stack
from .download import download
from .files import (
    data_directory,
    read_columns,
    read_manifest,
    sha256,
    simulator_versions,
    train_path,
    validation_path,
    write_data_set,
)
from .provenance import origin
from .unfinished import Unfinished

PROTOCOL = 1
COLLECTORS: dict[str, CollectorFactory] = {
    "pointmaze": pointmaze.make_collector,
    "cube": manipulation.make_collector,
    "scene": manipulation.make_collector,
    "puzzle": manipulation.make_collector,
}
EXPERT_WANTED = "or collected with an expert of one's own: --expert RUN, after `veloq data train-expert humanoid`"
Source = Literal["auto", "official", "regenerate"]


def make(
    name: str,
    transitions: int | None = None,
    seed: int = 0,
    workers: int = 2,
    directory: Path | None = None,
    console: Console | None = None,
    source: Source = "auto",
    expert: Path | None = None,
) -> Path:
    """Put a data set in place and return the path of its training file.

    A collection that was stopped goes on from the episodes that it kept.

    Args:
        name: a data set, or a single-task environment, whose data set is then made.
        transitions: how many to regenerate, rounded up to whole episodes; None for the published number.
            An official file is used whole.
        seed: seed of a regenerated data set.
        workers: processes that collect; the rows do not depend on it.
        directory: where the files go; default $VELOQ_DATA or `data`.
        console: where progress is told; None for silence.
        expert: run of `veloq data train-expert` by which ant and humanoid mazes are made; None for veloq's own ant.
        source: "auto" prefers an official file, "regenerate" never looks for one, "official" insists on one.

    Raises:
        UsageError: unknown name or a number out of range.
        DataError: a file in place is damaged, or the data can be neither downloaded nor regenerated.
    """
    data_set = find_data_set(name)
    if (transitions is not None and transitions < 1) or workers < 1 or seed < 0:
        raise UsageError("transitions and workers must be at least 1 and the seed not negative")
    collector, by = COLLECTORS.get(data_set.family), dict[str, Any]()
    walks = data_set.family in expert_mazes.TASKS
    if expert is not None and not walks:
        raise UsageError(f"expert: {data_set.name} needs none, only ant and humanoid mazes do")
    expert = expert or expert_mazes.EXPERTS.get(data_set.family)
    if expert is not None:
        collector = partial(expert_mazes.make_collector, expert=expert)
        by = {"expert": expert_mazes.described(expert, data_set.family)}
    missing = f"; {EXPERT_WANTED}" if walks and expert is None else ""
    directory = data_directory(directory)
    console = console or Console(quiet=True)
    train = train_path(directory, data_set.name)
    episodes = data_set.episodes if transitions is None else -(-transitions // (data_set.rows - 1))
    if _in_place(train, episodes, seed, by, source, console):
        return train
    if source != "regenerate":
        refusal = download(data_set, directory, console)
        if refusal is None:
            _say(console, f"downloaded the official {data_set.name} to {train}")
            return train
        if source == "official" or collector is None:
            raise DataError(f"{data_set.name}: the official file cannot be downloaded ({refusal}){missing}")
        own = ", with veloq's own ant" if expert in expert_mazes.EXPERTS.values() else ""
        _say(console, f"no official file ({refusal}); collecting it again by the published protocol{own}")
    if collector is None:
        raise DataError(f"{data_set.name}: its behaviour policy is not published, it can only be downloaded{missing}")
    _regenerate(data_set, collector, train, episodes, seed, by, workers, console)
    return train


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _in_place(train: Path, episodes: int, seed: int, by: Mapping[str, Any], source: Source, console: Console) -> bool:
    if not (train.is_file() and validation_path(train).is_file()):
        return False
    manifest = read_manifest(train)
    if manifest is None:
        if source == "regenerate":
            raise DataError(f"{train}: an official file is there; choose another directory to regenerate")
        read_columns(validation_path(train))
        rows = read_columns(train)["terminals"]
        found, _ = origin(train)
        _say(console, f"{train} is the {found}: {int((1 - rows).sum())} transitions")
        return True
    if source == "official":
        raise DataError(f"{train}: a regenerated file is there; choose another directory to fetch the official one")
    wanted = {"protocol": PROTOCOL, "seed": seed, "episodes": episodes, "versions": simulator_versions(), **by}
    if any(manifest.get(key) != value for key, value in wanted.items()):
        return False
    if any(sha256(path) != manifest["sha256"].get(path.name) for path in (train, validation_path(train))):
        return False
    _say(console, f"{train} is in place: {manifest['transitions']} transitions, seed {seed}")
    return True


def _regenerate(
    data_set: DataSet,
    collector: CollectorFactory,
    train: Path,
    episodes: int,
    seed: int,
    by: Mapping[str, Any],
    workers: int,
    console: Console,
) -> None:
    validation = max(1, episodes // 10)
    seeds = episode_seeds(seed, TRAIN, episodes) + episode_seeds(seed, VALIDATION, validation)
    facts = {
        "name": data_set.name,
        "protocol": PROTOCOL,
        "seed": seed,
        "episodes": episodes,
        "validation_episodes": validation,
        "transitions": episodes * (data_set.rows - 1),
        "versions": simulator_versions(),
        **by,
    }
    unfinished = Unfinished(train, facts)
    collected = list(unfinished.episodes())
    if collected:
        _say(console, f"{data_set.name}: {len(collected)} of {len(seeds)} episodes are there from before")
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task(f"{data_set.name} episodes", total=len(seeds), completed=len(collected))
        for episode in collect_episodes(collector, data_set, seeds[len(collected) :], workers):
            collected.append(stack([episode]))
            unfinished.add(collected[-1])
            bar.advance(task)
    train_rows = stack(collected[:episodes])
    facts["rows"] = len(train_rows["terminals"])
    write_data_set(train, train_rows, stack(collected[episodes:]), facts)
    unfinished.remove()
    _say(console, f"wrote {train}: {facts['transitions']} transitions")
