"""Where a run met NaN or infinity: the update in which it began is found again, and kept for a look."""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from ..core.algorithm import Batch, Dimensions
from ..core.engine import Engine, FlatState
from .backends import loss_function
from .policies import forest
from .run_folder import RunFolder
from .settings import Settings
from .writing import writing

FOLDER = "nan"
FINDING, BATCH, STATE = "finding.json", "batch.safetensors", "state.safetensors"


class Finding(NamedTuple):
    """The update, after `step` others, where a number of `member` stopped being finite, and what was not."""

    step: int
    member: str
    causes: list[str]
    folder: Path

    def sentence(self) -> str:
        """Where it began and what to look at."""
        return f"it began in update {self.step + 1} of {self.member} with {self.causes[0]}; see {self.folder / FINDING}"


def sound(engine: Engine, state: Any, metrics: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Whether the metrics and the whole state of each seed are finite, (S,)."""
    fine = engine.finite(state)
    for value in metrics.values():
        fine = fine & np.isfinite(value)
    return fine


class Stretch(NamedTuple):
    """Updates to be made again; among the `suspected` ones something stopped being finite."""

    updates: int
    suspected: bool


def trace(
    run: RunFolder, settings: Settings, engine: Engine, good: FlatState, stretches: Iterable[Stretch]
) -> Finding | None:
    """Train again from a good state, suspected updates one at a time, and keep what the bad one met.

    Args:
        run: where NaN/STEP is written: the state before the update, its batch and noise, and what was not finite.
        settings: of the run.
        engine: of the run; a run is a function of state and step, so the same happens again.
        good: a state in which all is finite.
        stretches: of updates after it; when one is asked for, the engine holds the rows that it met.

    Returns:
        None when it does not happen again.
    """
    state = engine.restore(good)
    for stretch in stretches:
        if not stretch.suspected:
            if stretch.updates:
                state, _ = engine.run(state, stretch.updates)
            continue
        for _ in range(stretch.updates):
            before = engine.export(state)
            state, metrics = engine.run(state, 1)
            still = sound(engine, state, metrics)
            if not still.all():
                return _keep(run, settings, engine, before, int(np.argmin(still)))
    return None


def _keep(run: RunFolder, settings: Settings, engine: Engine, before: FlatState, index: int) -> Finding:
    step = int(before["step"])
    batch, noise = engine.drawn(step)
    own = Batch(*(field[index] for field in batch)), {name: value[index] for name, value in noise.items()}
    member = settings.members[index]
    causes = list(_causes(run, settings, before, index, *own))
    final = run.path / FOLDER / f"step-{step:09d}"
    partial = final.with_name(f".{final.name}.{os.getpid()}.partial")
    with writing(final):
        partial.mkdir(parents=True)
        arrays = {**own[0]._asdict(), **{f"noise/{name}": value for name, value in own[1].items()}}
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, partial / BATCH)
        save_file({name: np.array(value, order="C") for name, value in before.items()}, partial / STATE)
        finding = {"step": step, "index": index, "seed": member.seed, "numbers": dict(member.numbers), "causes": causes}
        (partial / FINDING).write_text(json.dumps(finding, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    return Finding(step, member.label, causes or ["nothing that shows in one loss alone"], final)


def _causes(
    run: RunFolder, settings: Settings, before: FlatState, index: int, batch: Batch, noise: Mapping[str, Any]
) -> Iterator[str]:
    """What was not finite, data first: in words with the number of entries."""
    for name, value in (*batch._asdict().items(), *noise.items()):
        yield from _counted(f"{name} of the batch", value)
    algorithm, config = settings.algorithm, dataclasses.replace(settings.config, **settings.members[index].numbers)
    dimensions = Dimensions(**run.config["dimensions"])
    online, target = (forest(before, part, index) for part in ("online", "target"))
    compute = loss_function(settings.backend)
    for update in algorithm.updates:
        if update.due(config, int(before["step"])):
            result = compute(algorithm, config, dimensions, update.name, online, target, batch, noise)
            yield from _counted(f"the {update.name} loss", np.array(result.loss))
            for name, metric in result.metrics.items():
                yield from _counted(f"the metric {name}", np.array(metric))
            for network in update.trains:
                for name, gradient in result.gradients[network].items():
                    yield from _counted(f"the {update.name} loss's gradient of {network}/{name}", gradient)


def _counted(what: str, value: npt.NDArray[Any]) -> Iterator[str]:
    bad = int(np.size(value) - np.isfinite(value).sum())
    if bad:
        yield what if np.ndim(value) == 0 else f"{what} ({bad} of {np.size(value)} entries)"
