"""Evaluation environments: plain simulators, seeded per episode, kept and reused for the whole process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .data.catalogue import evaluated_in
from .directed_bodies import DIRECTED
from .randomness import derived_seed, seeded_global_generator
from .simulator import make_environment

Observation = npt.NDArray[np.float32]
# Keeps evaluation episodes apart from those of data collection with the same seed.
EVALUATION = 2


class Step(NamedTuple):
    """What one action brought about; `success` is the environment's flag of this step."""

    observation: Observation
    reward: float
    terminated: bool
    truncated: bool
    success: bool

    @property
    def done(self) -> bool:
        """Whether the episode is over."""
        return self.terminated or self.truncated


class Run(NamedTuple):
    """What a sequence of actions brought about, up to the end of the episode: `done` and `success` of its last step.

    `positions` are the agent's after each step, where asked for and in mazes.
    """

    observation: Observation
    steps: int
    total: float
    done: bool
    success: bool
    positions: list[npt.NDArray[np.float64]]


class EvaluationEnvironment:
    """One simulator of a single-task environment; episodes depend on their seed alone."""

    def __init__(self, env_name: str, **settings: Any) -> None:
        identifier, own = evaluated_in(env_name)
        self._environment = make_environment(identifier, **own, **settings)
        if env_name in DIRECTED:
            self._environment = DIRECTED[env_name](self._environment)
        self.observation_size = int(self._environment.observation_space.shape[0])
        self.action_size = int(self._environment.action_space.shape[0])

    def reset(self, seed: int, episode: int, stream: int = EVALUATION) -> Observation:
        """Start episode `episode` of `seed` in a stream; mazes draw the start from NumPy's global generator."""
        word = derived_seed(seed, stream, episode)
        with seeded_global_generator(word):
            observation, _ = self._environment.reset(seed=word)
        return np.asarray(observation, dtype=np.float32)

    def step(self, action: npt.NDArray[Any]) -> Step:
        """Apply one action, (A,), clipped to [-1, 1]."""
        clipped = np.clip(action, -1.0, 1.0)
        observation, reward, terminated, truncated, info = self._environment.step(clipped)
        met = np.asarray(observation, dtype=np.float32)
        return Step(met, float(reward), bool(terminated), bool(truncated), bool(info.get("success", False)))

    def run(self, actions: npt.NDArray[Any], positions: bool = False) -> Run:
        """Apply actions, (n, A), until the episode ends."""
        steps, total, places = 0, 0.0, []
        for action in actions:
            met = self.step(action)
            steps, total = steps + 1, total + met.reward
            if positions and (place := self.position()) is not None:
                places.append(place)
            if met.done:
                break
        return Run(met.observation, steps, total, met.done, met.success, places)

    def sizes(self) -> tuple[int, int]:
        """Sizes of observation and action."""
        return self.observation_size, self.action_size

    def position(self) -> npt.NDArray[np.float64] | None:
        """Where the agent is in a maze of OGBench's or D4RL's, (2,); None elsewhere."""
        if not hasattr(self.simulator, "maze_map"):
            return None
        return np.array(self.simulator.get_xy(), dtype=np.float64)

    def frame(self) -> npt.NDArray[np.uint8]:
        """A picture of now, (height, width, 3); only of an environment made with a `render_mode`."""
        return np.asarray(self._environment.render(), dtype=np.uint8)

    @property
    def simulator(self) -> Any:
        """The unwrapped ogbench environment."""
        return self._environment.unwrapped


_idle: dict[str, list[EvaluationEnvironment]] = {}
_idle_lock = threading.Lock()


@contextmanager
def borrowed_environments(env_name: str, count: int) -> Iterator[list[EvaluationEnvironment]]:
    """`count` environments of a task, made when too few are idle.

    They go back afterwards instead of being closed: each maze leaks a file descriptor, an arm takes seconds to make.

    Raises:
        UsageError: unknown environment.
    """
    with _idle_lock:
        idle = _idle.setdefault(env_name, [])
        environments = [idle.pop() for _ in range(min(count, len(idle)))]
    environments += [EvaluationEnvironment(env_name) for _ in range(count - len(environments))]
    try:
        yield environments
    finally:
        with _idle_lock:
            _idle[env_name].extend(environments)
