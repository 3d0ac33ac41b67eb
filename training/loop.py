"""The training loop: dispatches, evaluations, checkpoints and an orderly stop. Numerics are the engine's."""

import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.engine import Engine
from ..core.errors import DivergenceError, SimulatorError
from . import checkpoint
from .beside import Beside, Record
from .checkpoint import Checkpoint
from .data.streaming import Prefetch
from .data.transitions import as_engine_data
from .divergence import Stretch, sound, trace
from .fine_tuning import FineTuning
from .interruption import Interrupted, StopRequest
from .measures import SUCCESS, measure_of, values
from .members import Member
from .progress import Progress
from .protocols import find_protocol, reported
from .run_folder import RunFolder
from .scoring import Scorer
from .settings import Settings


@dataclass(frozen=True)
class Outcome:
    """How a session of a run ended; success rates, on D4RL scores, are per member, by the run's protocol.

    They are None where not measured.

    `preempted` says that SIGTERM, by which schedulers take machines back, ended it early.
    """

    run: Path
    finished: bool
    step: int
    success: tuple[float, ...] | None
    behaviour_success: tuple[float, ...] | None
    members: tuple[Member, ...]
    seconds: Mapping[str, float]
    protocol: str
    title: str = SUCCESS.title
    preempted: bool = False


@dataclass
class Loop:
    """One session of a run from `state` after `step` updates, or online environment steps after all updates.

    `evaluated` says that this step's scores are in, `success` is then the members' mean success rate.
    """

    settings: Settings
    folder: RunFolder
    engine: Engine
    scorer: Scorer
    progress: Progress
    stop: StopRequest
    state: Any
    step: int = 0
    evaluated: bool = True
    success: float | None = None
    fine_tuning: FineTuning | None = None
    stream: Prefetch | None = None
    beside: Beside = field(default_factory=Beside)
    began: int = field(init=False)
    seconds: dict[str, float] = field(default_factory=lambda: {"training": 0.0, "evaluation": 0.0})

    def __post_init__(self) -> None:
        self.began = self.step

    def run(self) -> Outcome:
        """Train to the end or to the first request to stop; either way a checkpoint holds everything.

        Raises:
            DivergenceError: a metric became NaN or infinite; the checkpoints before it are kept.
            SimulatorError: an environment failed, in an evaluation, whose checkpoint is evaluated on resuming, or
                online, where the run goes on from the checkpoint before.
        """
        try:
            while True:
                if self._evaluation_due():
                    self._settle()
                    if self.settings.evaluate_beside and not self._is_milestone():
                        self._begin_beside()
                    else:
                        self._evaluate_or_save()
                        self.save()
                self.stop.check()
                if self.step >= self.settings.end:
                    return self._outcome(finished=True)
                self._dispatch()
        except Interrupted:
            self.progress.doing("saving")
            self._wait()
            self.save()
            return self._outcome(finished=False)
        finally:
            self.beside.leave()

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        checkpoint.save(self.folder.path, self._moment(), self.settings.keep)

    def _moment(self) -> Checkpoint:
        self.folder.sync_metrics()
        progress: dict[str, Any] = {"evaluated": self.evaluated, "metrics_bytes": self.folder.metrics_bytes()}
        if self.success is not None:
            progress[checkpoint.SCORE] = self.success
        if self.beside.found is not None:
            progress[checkpoint.FOUND] = self.beside.found
        state, experience = self.engine.export(self.state), None
        if self.fine_tuning is not None and self.step > self.settings.updates:
            experience = self.fine_tuning.export()
            progress[checkpoint.UPDATES] = int(state["step"])
        return Checkpoint(self.step, state, self.folder.identity, progress, experience=experience)

    def _evaluation_due(self) -> bool:
        if self.evaluated or self.step == 0:
            return False
        return self._is_milestone() or self.step % self.settings.evaluate_every == 0

    def _is_milestone(self) -> bool:
        """Whether the run, or its part on the data alone, ends here."""
        return self.step in (self.settings.updates, self.settings.end)

    def _dispatch(self) -> None:
        settings = self.settings
        # Boundaries are multiples of the dispatch and evaluation periods, wherever a session started.
        periods = [settings.dispatch, settings.evaluate_every]
        if self.stream is not None:
            periods.append(settings.portion_every)
            self._load_portion(self.stream)
        ends = [(self.step // every + 1) * every for every in periods]
        offline = self.step < settings.updates
        steps = min(*ends, settings.updates if offline else settings.end) - self.step
        began = time.monotonic()
        updates, met = steps, {}
        if offline or self.fine_tuning is None:
            self.state, metrics = self.engine.run(self.state, steps)
        else:
            self.state, metrics, updates, ended = self.fine_tuning.run(self.state, steps)
            met = {"online": ended.record()}
        means = {name: np.asarray(value, dtype=np.float64) for name, value in metrics.items()}
        elapsed = time.monotonic() - began
        self._check_finite(steps, means)
        skipped = np.rint(means.pop("skipped", np.zeros(1)) * updates).astype(int)
        self.step, self.evaluated, self.success = self.step + steps, False, None
        self.seconds["training"] += elapsed
        speed = updates / max(elapsed, 1e-9)
        record = {"kind": "training", "step": self.step, "seconds": elapsed, "updates_per_second": speed} | met
        if skipped.any():
            record["skipped"] = skipped.tolist()
            self.progress.note(f"step {self.step}: {skipped.sum()} losses that were not finite were skipped")
        self.folder.append(record | {"metrics": {name: value.tolist() for name, value in means.items()}})
        self.progress.trained(self.step, {name: float(value.mean()) for name, value in means.items()}, speed)

    def _load_portion(self, stream: Prefetch) -> None:
        """Hand the engine the portion that begins now; the first of a session it has from the start."""
        if self.step % self.settings.portion_every == 0 and self.step != self.began:
            self.progress.doing("reading the next portion of the data")
            self.engine.load(as_engine_data(stream.portion(self.step // self.settings.portion_every)))

    def _check_finite(self, steps: int, metrics: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Raise DivergenceError when a number of the run is not finite after so many further steps."""
        fine = sound(self.engine, self.state, metrics)
        if fine.all():
            return
        label = self.settings.members[int(np.argmin(fine))].label
        names = [name for name, value in metrics.items() if not np.isfinite(value).all()]
        last = self.step + steps
        what = f"{names[0] if names else 'a parameter'} of {label} became NaN or infinite"
        self.progress.doing("looking for the update in which a number became NaN or infinite")
        if checkpoint.latest_step(self.folder.path) is None:
            good, begin, kept = self.engine.export(self.engine.initial()), 0, "no checkpoint was written before"
        else:
            newest = checkpoint.load_latest(self.folder.path, self.folder.identity)
            good, begin, kept = newest.state, newest.step, f"checkpoint of step {newest.step} is kept"
        found = trace(self.folder, self.settings, self.engine, good, self._again(begin, last))
        where = f"between steps {self.step} and {last}" if found is None else f"by update {last}: {found.sentence()}"
        raise DivergenceError(f"{what} {where}; {kept}; --nan skip goes on past such updates")

    def _again(self, begin: int, end: int) -> Iterator[Stretch]:
        """The updates of these steps once more, the engine holding what it held then; those of now are suspected."""
        offline = min(end, self.settings.updates)
        if self.fine_tuning is not None:
            self.engine.forget(0)
        step = begin
        while step < offline:
            bounds = [offline, self.step]
            if self.stream is not None:
                every = self.settings.portion_every
                bounds.append((step // every + 1) * every)
                self.engine.load(as_engine_data(self.stream.portion(step // every)))
            after = min(bound for bound in bounds if bound > step)
            yield Stretch(after - step, step >= self.step)
            step = after
        if self.fine_tuning is not None:
            first = self.settings.updates
            for met, updates in enumerate(self.fine_tuning.repeated(step - first, end - first), step):
                yield Stretch(updates, met >= self.step)

    def _evaluate_or_save(self) -> None:
        try:
            self._evaluate()
        except SimulatorError:
            self.save()
            raise

    def _evaluate(self) -> None:
        final = self._is_milestone()
        episodes = self.settings.episodes if final else self.settings.curve_episodes
        began = time.monotonic()
        policies = {"method": self.engine.act}
        if final and self.settings.algorithm.behaviour is not None:
            policies["behaviour"] = self.engine.behave
        records: list[Record] = []
        for name, act in policies.items():
            self.progress.doing(f"evaluating the {name} policy")
            scores = self.scorer.score(self._stoppable(act), episodes, picture=name if final else None)
            records.append(_record(self.step, name, episodes, scores))
            self._tell(records[-1])
        for record in records:
            self.folder.append(record)
        self.evaluated, self.success = True, _score(records[0])
        self.seconds["evaluation"] += time.monotonic() - began

    def _begin_beside(self) -> None:
        """Save, and evaluate the saved state while training goes on."""
        moment, step, episodes = self._moment(), self.step, self.settings.curve_episodes
        checkpoint.save(self.folder.path, moment, self.settings.keep)
        policy = self.beside.policy(self.engine.act, self.engine.restore(moment.state))
        self.beside.begin(moment, lambda: _record(step, "method", episodes, self.scorer.score(policy, episodes)))
        self.evaluated = True

    def _wait(self) -> None:
        """Have the evaluation beside end, and its checkpoint know its score."""
        if not self.beside.busy:
            return
        self.progress.doing("waiting for the evaluation beside")
        began = time.monotonic()
        scored = self.beside.wait(_score)
        self.seconds["evaluation"] += time.monotonic() - began
        checkpoint.save(self.folder.path, scored, self.settings.keep)
        if scored.step == self.step:
            self.success = scored.progress[checkpoint.SCORE]

    def _settle(self) -> None:
        """Write down what was evaluated beside."""
        self._wait()
        if (record := self.beside.found) is not None:
            self._tell(record)
            self.folder.append(record)
            self.beside.found = None

    def _tell(self, record: Record) -> None:
        title = measure_of(self.settings.env).title
        self.progress.evaluated(record["step"], record["policy"], title, values(record), record["episodes"])

    def _stoppable(self, act: Any) -> Any:
        def policy(observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
            self.stop.check()
            return np.asarray(act(self.state, observations, noise))

        return policy

    def _outcome(self, finished: bool) -> Outcome:
        records, protocol = self.folder.records(), find_protocol(self.settings.protocol)
        success, cloned = (reported(protocol, records, policy) for policy in ("method", "behaviour"))
        preempted = not finished and self.stop.requested == signal.SIGTERM
        members = self.settings.members
        return Outcome(
            self.folder.path,
            finished,
            self.step,
            success,
            cloned,
            members,
            self.seconds,
            protocol.name,
            measure_of(self.settings.env).title,
            preempted,
        )


def _record(step: int, policy: str, episodes: int, scores: Record) -> Record:
    return {"kind": "evaluation", "step": step, "policy": policy, "episodes": episodes, **scores}


def _score(record: Record) -> float:
    """By which the best checkpoint is kept."""
    return float(np.mean(values(record)))
