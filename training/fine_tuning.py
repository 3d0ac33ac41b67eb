"""Online fine-tuning: every seed acts in its own environment, keeps what it met, and learns from it and the data.

As in the released QAM scripts: one environment step, then `utd` updates; updates begin after `warmup` steps, in
which the pretrained policy acts; chunks are executed open loop and dropped when an episode ends; terminals mark ends of
episodes, truncated ones too, masks only those that terminated. A method that is `balanced` (RLPD) acts uniformly before
its first update and draws half of every batch from its experience.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.algorithm import Dimensions
from ..core.engine import Engine, FlatState, Transitions
from ..core.errors import CheckpointError, SimulatorError, VeloqError
from .data.rewards import Labelling
from .evaluation import NoiseShapes, decision_generator, drawn_noise
from .normaliser import Normaliser
from .settings import Settings
from .task_data import TaskData
from .untrusted import one_line
from .worker_processes import Environment, WorkerLostError

Float32 = npt.NDArray[np.float32]
# Keeps its episodes and noise apart from those of evaluations with the same seed.
STREAM = 3


@dataclass
class Actor:
    """One member's environment, the episode it is in, and the actions of the chunk that are still to be executed.

    The rows it gives have observations as the run sees them and labelled rewards; `total` adds up the environment's
    own.
    """

    seed: int
    environment: Environment
    queue: Float32
    labelled: Labelling
    normaliser: Normaliser
    episode: int = -1
    decision: int = 0
    length: int = 0
    total: float = 0.0
    observation: Float32 = field(default_factory=lambda: np.zeros(0, np.float32))

    def begin(self, episode: int) -> None:
        """Start an episode."""
        self.observation = self.normaliser(self.environment.reset(self.seed, episode, STREAM))
        self.episode, self.decision, self.length, self.total, self.queue = episode, 0, 0, 0.0, self.queue[:0]

    def generator(self) -> np.random.Generator:
        """The generator of its next decision."""
        return decision_generator(self.seed, self.episode, self.decision, STREAM)

    def decide(self, chunk: Float32) -> None:
        """Take the actions of a chunk, (h, A), as the next ones."""
        self.queue, self.decision = chunk, self.decision + 1

    def step(self) -> tuple[Transitions, tuple[float, bool] | None]:
        """Execute one action; the row it gives, and return and success of an episode that ended with it.

        Where the environment fails, nothing changes here.
        """
        action = np.clip(self.queue[0], -1.0, 1.0)
        met = self.environment.step(action)
        before, self.observation = self.observation, self.normaliser(met.observation)
        self.queue, self.length, self.total = self.queue[1:], self.length + 1, self.total + met.reward
        labels = np.array([self.labelled(met.reward), not met.terminated, met.done], np.float32)
        row = Transitions(before, action, self.observation, *labels)
        return row, (self.total, met.success) if met.done else None


@dataclass
class Episodes:
    """Returns and successes of the episodes that ended, by member."""

    returns: list[list[float]]
    success: list[list[bool]]

    def record(self) -> dict[str, Any]:
        """Means by member, None where no episode ended, for metrics.jsonl."""
        return {
            "episodes": [len(each) for each in self.returns],
            "returns": [float(np.mean(each)) if each else None for each in self.returns],
            "success": [float(np.mean(each)) if each else None for each in self.success],
        }


class FineTuning:
    """The environments and the experience of a run's members; `steps` counts what each of them did so far.

    Rewards are labelled, and observations normalised, as those of the data were.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        dimensions: Dimensions,
        noise: NoiseShapes,
        environments: Sequence[Environment],
        data: TaskData,
    ) -> None:
        self._settings, self._engine, self._noise = settings, engine, noise
        self._chunk, size = settings.config.chunk, dimensions.action // settings.config.chunk
        blank = np.zeros((0, size), np.float32)
        self._actors = [
            Actor(member.seed, environment, blank, data.labelled, data.normaliser)
            for member, environment in zip(settings.members, environments, strict=True)
        ]
        lead, observation = (len(self._actors), settings.online), dimensions.observation
        shapes = ((*lead, observation), (*lead, size), (*lead, observation), lead, lead, lead)
        self._rows = Transitions(*(np.zeros(shape, np.float32) for shape in shapes))
        self.steps = 0
        for actor in self._actors:
            self._surely(actor, partial(actor.begin, 0))

    def run(self, state: Any, steps: int) -> tuple[Any, dict[str, npt.NDArray[Any]], int, Episodes]:
        """So many environment steps of every member, with the updates that follow each.

        Returns:
            the state, each metric's mean over the updates, how many there were, and the episodes that ended.
        """
        met: list[dict[str, npt.NDArray[Any]]] = []
        ended = Episodes([[] for _ in self._actors], [[] for _ in self._actors])
        for _ in range(steps):
            self._decide(state)
            self._step(ended)
            if self.steps > self._settings.warmup:
                state, metrics = self._engine.run(state, self._settings.utd)
                met.append(metrics)
        names = {name for metrics in met for name in metrics}
        means = {name: np.mean([metrics[name] for metrics in met if name in metrics], axis=0) for name in sorted(names)}
        return state, means, len(met) * self._settings.utd, ended

    def _decide(self, state: Any) -> None:
        """Let the members whose chunk is executed decide on the next."""
        due = [index for index, actor in enumerate(self._actors) if not len(actor.queue)]
        if not due:
            return
        generators = [actor.generator() for actor in self._actors]
        if self._settings.algorithm.balanced and self.steps < self._settings.warmup:
            shape = (self._chunk, self._rows.actions.shape[-1])
            chunks = [generator.uniform(-1.0, 1.0, shape).astype(np.float32) for generator in generators]
        else:
            drawn = [drawn_noise(self._noise, generator) for generator in generators]
            noise = {name: np.stack([each[name] for each in drawn])[:, None] for name in self._noise}
            observations = np.stack([actor.observation for actor in self._actors])[:, None]
            flat = np.asarray(self._engine.act(state, observations, noise), np.float32)
            chunks = list(flat.reshape(len(self._actors), self._chunk, -1))
        for index in due:
            self._actors[index].decide(chunks[index])

    def _step(self, ended: Episodes) -> None:
        """One environment step of every member, written down here and on the device."""
        for index, actor in enumerate(self._actors):
            row, outcome = self._surely(actor, actor.step, partial(self._regain, index, actor))
            for column, value in zip(self._rows, row, strict=True):
                column[index, self.steps] = value
            if outcome is not None:
                ended.returns[index].append(outcome[0])
                ended.success[index].append(outcome[1])
                self._surely(actor, partial(actor.begin, actor.episode + 1))
        self._engine.write(Transitions(*(column[:, self.steps : self.steps + 1] for column in self._rows)))
        self.steps += 1

    def _surely(self, actor: Actor, work: Callable[[], Any], regain: Callable[[], None] = lambda: None) -> Any:
        """Do what an actor is to do; when its worker is lost, do what regains its place, and try once more."""
        try:
            try:
                return work()
            except WorkerLostError:
                regain()
                return work()
        except CheckpointError:
            raise
        except WorkerLostError as error:
            raise self._failure(actor, f"its worker {error}, a second time") from error
        except VeloqError as error:
            raise self._failure(actor, str(error)) from error
        except Exception as error:
            raise self._failure(actor, f"{type(error).__name__}: {one_line(error)}") from error

    def _failure(self, actor: Actor, reason: str) -> SimulatorError:
        where = f"{self._settings.env}: online episode {max(actor.episode, 0)} of seed {actor.seed}"
        return SimulatorError(f"{where}: {reason}; the last checkpoint is kept")

    def _regain(self, index: int, actor: Actor) -> None:
        """Play the episode again, in the environment that the next question makes, up to where it was."""
        queue, decision = actor.queue, actor.decision
        self._play_again(index, actor, actor.episode, actor.length)
        actor.queue, actor.decision = queue, decision

    def repeated(self, begin: int, end: int) -> Iterator[int]:
        """The updates of environment steps `begin` to `end`, all of them past, once more.

        Before each step's updates are asked for, the engine's experience is as it was then; nothing is simulated.
        """
        self._engine.forget(begin)
        for step in range(begin, end):
            self._engine.write(Transitions(*(column[:, step : step + 1] for column in self._rows)))
            yield self._settings.utd if step + 1 > self._settings.warmup else 0

    def export(self) -> FlatState:
        """The experience, and where every member stands in its episode."""
        rows = {f"rows/{name}": column[:, : self.steps] for name, column in self._rows._asdict().items()}
        queue = np.zeros((len(self._actors), self._chunk, self._rows.actions.shape[-1]), np.float32)
        for index, actor in enumerate(self._actors):
            queue[index, : len(actor.queue)] = actor.queue
        numbers = ("episode", "decision", "length")
        standing = {name: np.array([getattr(actor, name) for actor in self._actors]) for name in numbers}
        queued = np.array([len(actor.queue) for actor in self._actors])
        return rows | standing | {"queue": queue, "queued": queued}

    def restore(self, flat: FlatState) -> None:
        """Go on where `export` was: the episode each member was in is played again, action by action.

        Raises:
            CheckpointError: the arrays are not those of such an export, or the simulator did not repeat itself.
        """
        self._check(flat)
        self.steps = flat["rows/rewards"].shape[1]
        for name, column in self._rows._asdict().items():
            column[:, : self.steps] = flat[f"rows/{name}"]
        if self.steps:
            self._engine.write(Transitions(*(column[:, : self.steps] for column in self._rows)))
        for index, actor in enumerate(self._actors):
            episode, length = int(flat["episode"][index]), int(flat["length"][index])
            self._surely(actor, partial(self._play_again, index, actor, episode, length))
            actor.decision = int(flat["decision"][index])
            actor.queue = flat["queue"][index, : int(flat["queued"][index])]

    def _play_again(self, index: int, actor: Actor, episode: int, length: int) -> None:
        actor.begin(episode)
        for at in range(self.steps - length, self.steps):
            actor.queue = self._rows.actions[index, at : at + 1]
            row, outcome = actor.step()
            if outcome is not None or not np.array_equal(
                row.next_observations, self._rows.next_observations[index, at]
            ):
                raise CheckpointError(
                    f"the simulator does not repeat episode {episode} of seed {actor.seed}: it differs from step "
                    f"{at - self.steps + length} on; resume with the versions in config.json"
                )

    def _check(self, flat: FlatState) -> None:
        expected = self.export()
        if wrong := sorted(expected.keys() ^ flat.keys()):
            raise CheckpointError(f"the experience is damaged: {wrong[0]!r} is not in both")
        steps = flat["rows/rewards"].shape[1:2]
        for name, like in expected.items():
            shape = (*like.shape[:1], *steps, *like.shape[2:]) if name.startswith("rows/") else like.shape
            if flat[name].shape != shape or flat[name].dtype != like.dtype:
                raise CheckpointError(f"the experience is damaged: {name} is {flat[name].dtype} {flat[name].shape}")
        limits = {"queued": self._chunk, "length": steps[0]}
        if steps[0] > self._settings.online:
            raise CheckpointError(f"{steps[0]} steps of experience, online ends at {self._settings.online}")
        for name in ("queued", "length", "episode", "decision"):
            if flat[name].min() < 0 or flat[name].max() > limits.get(name, np.inf):
                raise CheckpointError(f"the experience is damaged: {name} {flat[name].tolist()}")
