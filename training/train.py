"""Starting and resuming runs: everything is checked and loaded before the run folder appears."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from ..core.algorithm import Dimensions
from ..core.engine import Engine
from ..core.errors import CheckpointError, DataError, DivergenceError, UsageError
from . import checkpoint
from .backends import check_device, engine_class
from .data.expert_tasks import EXPERT_TASKS
from .fine_tuning import FineTuning
from .interruption import StopRequest
from .loop import Loop, Outcome
from .presets import TunedValues, tuned_values
from .progress import Progress
from .report import write_report
from .run_folder import CONFIG, RunFolder, commit, versions
from .run_lock import only_process
from .scoring import Scorer
from .settings import Settings, check_settings, config_values
from .task_data import TaskData, load_task_data
from .trackers import Tracker
from .untrusted import check_types
from .worker_processes import borrowed
from .writing import writing

# The words of config.json; its numbers are checked as those of the command line are.
STORED = dict.fromkeys(("method", "env", "backend", "preset", "precision", "device", "data_directory"), str)

# Settings that runs of earlier versions did not store.
NEWER = (
    *("rewards", "observations", "stepping", "patience", "keep", "protocol", "cuda_graphs", "evaluate_beside"),
    *("portion", "portion_every", "portions", "online", "warmup", "utd"),
)


def train(settings: Settings, console: Console) -> Outcome:
    """Run from the start.

    Raises:
        UsageError, DataError, MissingBackendError: before anything is written, except a missing data set that
            the settings allow to be made.
        DivergenceError: a metric became NaN; the report and the earlier checkpoints are there.
    """
    check_settings(settings)
    engine_type = engine_class(settings.backend)
    check_device(settings.backend, settings.device)
    began = time.monotonic()
    data = load_task_data(settings, console, 0)
    dimensions = _dimensions(settings, data)
    engine = _engine(engine_type, settings, dimensions, data)
    seconds = time.monotonic() - began
    found = tuned_values(settings.method, settings.env, settings.tuned, settings.config)
    folder = RunFolder.create(settings.directory, _description(settings, dimensions, data, found))
    console.print(found.sentence(settings.env), highlight=False, soft_wrap=True, markup=False)
    console.print(f"run folder {folder.path}", highlight=False, soft_wrap=True)
    scorer = Scorer(settings, dimensions, folder.path, data.positions, data.normaliser)
    with only_process(folder.path):
        return _session(settings, folder, engine, dimensions, scorer, data, None, seconds, console)


def resume(run: Path, console: Console, **changes: Any) -> Outcome:
    """Continue a run from its newest good checkpoint, or from the start without any, as if it had never stopped.

    Args:
        run: the run folder.
        console: where progress is told.
        changes: settings that may differ between sessions: updates, online, nan, keep, workers, stepping, patience,
            device, data_directory.

    Raises:
        UsageError: the folder is no run, another process trains it, or fewer updates are asked for than were done.
        CheckpointError: there are checkpoints, and none of this run verifies.
        DataError: the data set is missing or is not the one that the run was trained on.
    """
    folder = RunFolder.open(run)
    with only_process(run):
        return _continued(folder, console, changes)


def _continued(folder: RunFolder, console: Console, changes: Mapping[str, Any]) -> Outcome:
    run = folder.path
    settings = dataclasses.replace(stored_settings(folder), **changes)
    check_settings(settings)
    engine_type = engine_class(settings.backend)
    check_device(settings.backend, settings.device)
    with writing(run):
        checkpoint.tidy(run)
    restored = None
    if checkpoint.latest_step(run) is not None:
        restored = checkpoint.load_latest(run, folder.identity)
        for line in restored.rejected:
            console.print(f"passed over a checkpoint: {line}", highlight=False, soft_wrap=True)
    step = 0 if restored is None else restored.step
    if settings.end < step:
        raise UsageError(f"{run}: already at step {step}, cannot end at {settings.end}")
    if restored is not None and restored.experience is not None and "updates" in changes:
        raise UsageError(f"{run}: already online, updates on the data alone are over; online extends the run")
    began = time.monotonic()
    data = load_task_data(dataclasses.replace(settings, transitions=None), console, step, folder.normaliser())
    if data.digest != folder.config["data_sha256"]:
        raise DataError(f"{data.file}: not the file that this run was trained on (its SHA-256 differs)")
    dimensions = _dimensions(settings, data)
    engine = _engine(engine_type, settings, dimensions, data)
    seconds = time.monotonic() - began
    folder.truncate_metrics(0 if restored is None else restored.progress["metrics_bytes"])
    changed = {name: str(value) if isinstance(value, Path) else value for name, value in changes.items()}
    folder.note_resumed(step, changed)
    before = "" if restored else ", before its first checkpoint: from the start"
    console.print(f"resuming {run} at step {step}{before}", highlight=False, soft_wrap=True)
    scorer = Scorer(settings, dimensions, folder.path, data.positions, data.normaliser)
    return _session(settings, folder, engine, dimensions, scorer, data, restored, seconds, console)


def stored_settings(folder: RunFolder) -> Settings:
    """The settings that config.json describes.

    Raises:
        CheckpointError: a word is missing or the hyper-parameters make no sense.
    """
    config = folder.config
    check_types(folder.path / CONFIG, config, STORED, CheckpointError)
    values: dict[str, Any] = {name.name: config.get(name.name) for name in dataclasses.fields(Settings)}
    values |= {
        "config": folder.method()[1],
        "tuned": config.get("tuned", "released"),
        "compile": config.get("compile") is True,
        "nan": config.get("nan", "stop"),
        **{name: config.get(name, getattr(Settings, name)) for name in NEWER},
        "seeds": tuple(config["seeds"]),
        "sweep": folder.sweep(),
        "log": tuple(config.get("log", ())),
        "directory": folder.path.parent,
        "data_directory": Path(config["data_directory"]),
    }
    return Settings(**values)


def _session(
    settings: Settings,
    folder: RunFolder,
    engine: Engine,
    dimensions: Dimensions,
    scorer: Scorer,
    data: TaskData,
    restored: checkpoint.Checkpoint | None,
    data_seconds: float,
    console: Console,
) -> Outcome:
    step = 0 if restored is None else restored.step
    progress = Progress(settings.end, step, console)
    stop = StopRequest(lambda: progress.doing("stopping after this dispatch"))
    actors = len(settings.members) if settings.online else 0
    # A worker for each: what a lost one takes with it is one episode.
    borrowing = borrowed(settings.env, actors, actors, settings.stepping, settings.patience)
    with stop, progress, borrowing as environments:
        state = engine.initial() if restored is None else engine.restore(restored.state)
        loop = Loop(settings, folder, engine, scorer, progress, stop, state, step)
        loop.stream = data.stream
        if settings.online:
            loop.fine_tuning = FineTuning(settings, engine, dimensions, scorer.noise, environments, data)
            if restored is not None and restored.experience is not None:
                progress.doing("playing the episodes again in which the run stopped")
                loop.fine_tuning.restore(restored.experience)
        if restored is not None:
            loop.evaluated, loop.success = restored.progress["evaluated"], restored.progress.get(checkpoint.SCORE)
            loop.beside.found = restored.progress.get(checkpoint.FOUND)
        folder.trackers = [Tracker(name, folder.path, folder.config, progress.note) for name in settings.log]
        try:
            outcome = loop.run()
        except DivergenceError:
            write_report(folder)
            raise
        finally:
            for tracker in folder.trackers:
                tracker.close()
        write_report(folder)
    if data.stream is not None:
        data.stream.close()
    return dataclasses.replace(outcome, seconds={"data": data_seconds, **outcome.seconds})


def _dimensions(settings: Settings, data: TaskData) -> Dimensions:
    rows, observation = data.transitions.observations.shape
    if rows < settings.config.chunk:
        raise DataError(f"{data.file}: {rows} transitions are fewer than one chunk of {settings.config.chunk}")
    return Dimensions(observation, settings.config.chunk * data.transitions.actions.shape[1])


def _engine(engine_type: Any, settings: Settings, dimensions: Dimensions, data: TaskData) -> Engine:
    choices = {"compile": settings.compile, "cuda_graphs": settings.cuda_graphs}
    # Of torch's engine alone.
    options: dict[str, Any] = {name: True for name, chosen in choices.items() if chosen}
    engine: Engine = engine_type(
        settings.algorithm,
        settings.config,
        dimensions,
        data.transitions,
        [member.seed for member in settings.members],
        settings.precision,
        settings.device,
        varied=[member.numbers for member in settings.members],
        skip=settings.nan == "skip",
        room=settings.online,
        # An expert has no data of others: all of it is its own experience.
        balanced=settings.algorithm.balanced and settings.env not in EXPERT_TASKS,
        **options,
    )
    return engine


def _description(settings: Settings, dimensions: Dimensions, data: TaskData, found: TunedValues) -> dict[str, Any]:
    description = {name.name: getattr(settings, name.name) for name in dataclasses.fields(Settings)}
    description |= {
        "config": config_values(settings.config),
        "tuned_values": found.description(),
        "seeds": list(settings.seeds),
        "log": list(settings.log),
        "sweep": {name: list(values) for name, values in settings.sweep.items()},
        "directory": str(settings.directory),
        "data_directory": str(data.directory.resolve()),
        "dimensions": dimensions._asdict(),
        "data_file": str(data.file.resolve()),
        "data_sha256": data.digest,
        "data_origin": data.origin,
        "data_manifest": data.manifest,
        "normaliser": data.normaliser.described(),
        "data_transitions": len(data.transitions.rewards),
        "versions": versions(),
        "commit": commit(),
    }
    return description
