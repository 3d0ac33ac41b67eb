"""Evaluation: many environments, one batched policy call per chunk for all seeds, episodes fixed by their seed."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..core.engine import Policy
from ..core.errors import ShapeError, SimulatorError, UsageError, VeloqError
from .data.catalogue import evaluated_in
from .untrusted import one_line
from .worker_processes import Environment, Stepping, WorkerLostError, borrowed

Float32 = npt.NDArray[np.float32]
NoiseShapes = Mapping[str, tuple[Literal["normal", "uniform"], tuple[int, ...]]]
PATIENCE = 300.0  # making the first robot arm takes seconds, a step a thousandth of one


@dataclass(frozen=True)
class EvaluationResult:
    """What S seeds reached in K episodes each.

    Attributes:
        success: (S, K), the success flag of the last step of each episode, as OGBench scores.
        lengths: (S, K), environment steps.
        returns: (S, K), undiscounted sums of rewards.
        seconds: wall time, environments already made.
        trajectories: per seed, the agent's positions (T + 1, 2) in the first recorded episodes; mazes only.
    """

    success: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    seconds: float
    trajectories: list[list[npt.NDArray[np.float64]]] = field(default_factory=list)

    @property
    def success_rate(self) -> npt.NDArray[np.float64]:
        """Share of successful episodes of each seed, (S,)."""
        return np.asarray(self.success.mean(axis=1))

    @property
    def steps_per_second(self) -> float:
        """Environment steps per second of wall time, policy included."""
        return float(self.lengths.sum() / max(self.seconds, 1e-9))


@dataclass
class _Row:
    """One environment with the episode it is in; `episode` is None when its seed has no episode left."""

    environment: Environment
    seed_index: int
    observation: Float32
    episode: int | None = None
    decision: int = 0
    length: int = 0
    total: float = 0.0
    positions: list[npt.NDArray[np.float64]] = field(default_factory=list)


class _Tally:
    """The episodes to come and the results so far of every seed; a row only ever touches its own episode."""

    def __init__(self, env_name: str, seeds: Sequence[int], episodes: int, record: int) -> None:
        shape = (len(seeds), episodes)
        self.env_name, self.seeds, self.record = env_name, seeds, record
        self.success = np.zeros(shape, dtype=np.bool_)
        self.lengths = np.zeros(shape, dtype=np.int64)
        self.returns = np.zeros(shape, dtype=np.float64)
        self.paths: dict[tuple[int, int], npt.NDArray[np.float64]] = {}
        # list.pop is atomic under the interpreter lock, so rows of one seed may share the list.
        self.waiting = [list(range(episodes))[::-1] for _ in seeds]
        self.lost: set[tuple[int, int]] = set()

    def begin_all(self, rows: Sequence[_Row]) -> None:
        """Give each row an episode."""
        for row in rows:
            self._next(row)
            self._keeping(rows, row, partial(self._start, row))

    def run_chunks(self, rows: Sequence[_Row], actions: Float32) -> None:
        """Execute each row's actions, (rows, chunk, A), open loop; a row whose episode ends begins the next."""
        for row, chunk in zip(rows, actions, strict=True):
            # Once episodes began again, the chunks left were decided on for what they were in before.
            if row.episode is not None and not self._keeping(rows, row, partial(self._run, row, chunk)):
                return

    def _next(self, row: _Row) -> None:
        try:
            row.episode = self.waiting[row.seed_index].pop()
        except IndexError:
            row.episode = None

    def _start(self, row: _Row) -> None:
        if row.episode is None:
            return
        row.observation = row.environment.reset(self.seeds[row.seed_index], row.episode)
        row.decision, row.length, row.total, row.positions = 0, 0, 0.0, []
        if row.episode < self.record and (place := row.environment.position()) is not None:
            row.positions.append(place)

    def _run(self, row: _Row, chunk: Float32) -> None:
        if row.episode is None:
            return
        met = row.environment.run(chunk, row.episode < self.record)
        row.observation, row.decision = met.observation, row.decision + 1
        row.length, row.total = row.length + met.steps, row.total + met.total
        row.positions += met.positions
        if met.done:
            key = (row.seed_index, row.episode)
            self.success[key], self.lengths[key], self.returns[key] = met.success, row.length, row.total
            if row.positions:
                self.paths[key] = np.array(row.positions)
            self._next(row)
            self._start(row)

    def _keeping(self, rows: Sequence[_Row], row: _Row, work: Callable[[], None]) -> bool:
        """Do what a row is to do; when its worker is lost, all of the worker's episodes begin again, each once.

        Returns:
            False when they did.
        """
        try:
            work()
            return True
        except WorkerLostError as error:
            key = (row.seed_index, row.episode or 0)
            if key in self.lost:
                raise SimulatorError(f"{self._where(row)}: its worker {error}, a second time") from error
            self.lost.add(key)
            for other in rows:
                self._keeping(rows, other, partial(self._start, other))
            return False
        except VeloqError as error:
            raise SimulatorError(f"{self._where(row)}: {error}") from error
        except Exception as error:
            raise SimulatorError(f"{self._where(row)}: {type(error).__name__}: {one_line(error)}") from error

    def _where(self, row: _Row) -> str:
        return f"{self.env_name}: episode {row.episode} of seed {self.seeds[row.seed_index]}"


def evaluate(
    env_name: str,
    policy: Policy,
    seeds: Sequence[int],
    episodes: int,
    chunk: int,
    noise_shapes: NoiseShapes,
    workers: int = 2,
    record: int = 0,
    *,
    environments: int | None = None,
    stepping: Stepping = "threads",
    patience: float = PATIENCE,
) -> EvaluationResult:
    """Run `episodes` episodes of every seed; a chunk of actions is executed open loop.

    Episode k of seed s starts from a state derived from (s, k), and its d-th decision uses noise keyed by
    (s, k, d): the result depends on neither `environments` nor `workers`, as long as the policy treats its
    batch entries independently.

    Args:
        env_name: a single-task environment.
        policy: observations (S, E, O) and noise (S, E, ...) by name to actions (S, E, chunk * A), NumPy
            in and out. Entries of environments without an episode hold what was there last.
        seeds: S seeds; entry s of the policy's first axis belongs to seeds[s].
        episodes: K, per seed.
        chunk: actions executed per decision.
        noise_shapes: name -> ("normal" | "uniform", shape of one sample).
        workers: threads or processes that step the environments; the simulator releases the interpreter lock.
        record: keep the positions of the first `record` episodes of each seed (mazes).
        stepping: "processes" survives an environment that crashes or hangs: its episodes begin again, once.
        patience: seconds after which a process counts as hung.
        environments: E, per seed; default up to 25 in mazes, `workers` for robot arms, which take 200 MB each.

    Raises:
        UsageError: unknown environment or a number below 1.
        ShapeError: the policy returned another shape.
        SimulatorError: an environment raised, or a process died or hung twice in one episode.
    """
    if min(len(seeds), episodes, chunk, workers) < 1 or (environments is not None and environments < 1):
        raise UsageError("seeds, episodes, chunk, workers and environments must be at least 1")
    if patience <= 0:
        raise UsageError(f"patience must be positive, got {patience}")
    evaluated_in(env_name)
    width = environments or (25 if "maze" in env_name else workers)
    width = min(width, episodes)
    tally = _Tally(env_name, seeds, episodes, record)
    count = len(seeds) * width
    with (
        borrowed(env_name, count, workers, stepping, patience) as simulators,
        ThreadPoolExecutor(workers) as threads,
    ):
        started = time.perf_counter()
        observation, action = simulators[0].sizes()
        blank = np.zeros(observation, dtype=np.float32)
        rows = [_Row(environment, index // width, blank) for index, environment in enumerate(simulators)]
        groups = [rows[worker::workers] for worker in range(workers)]
        list(threads.map(tally.begin_all, groups))
        while any(row.episode is not None for row in rows):
            observations = np.stack([row.observation for row in rows]).reshape(len(seeds), width, -1)
            noise = _noise(rows, tally, noise_shapes, width)
            actions = _actions(policy(observations, noise), len(rows), chunk, width, action)
            shares = [actions[worker::workers] for worker in range(workers)]
            list(threads.map(tally.run_chunks, groups, shares))
        seconds = time.perf_counter() - started
    paths = [
        [tally.paths[s, k] for k in range(min(record, episodes)) if (s, k) in tally.paths] for s in range(len(seeds))
    ]
    return EvaluationResult(tally.success, tally.lengths, tally.returns, seconds, paths)


def _actions(flat: npt.NDArray[Any], rows: int, chunk: int, width: int, size: int) -> Float32:
    """Check the policy's answer and split it into (rows, chunk, A)."""
    expected = (rows // width, width, chunk * size)
    if np.shape(flat) != expected:
        raise ShapeError(f"policy: returned shape {np.shape(flat)}, expected {expected}")
    return np.asarray(flat, dtype=np.float32).reshape(rows, chunk, size)


def _noise(rows: list[_Row], tally: _Tally, shapes: NoiseShapes, width: int) -> dict[str, Float32]:
    """Noise of every row's next decision, (S, E, ...) by name, zeros for rows without an episode."""
    noise = {name: np.zeros((len(rows), *shape), dtype=np.float32) for name, (_, shape) in shapes.items()}
    for index, row in enumerate(rows):
        if row.episode is None:
            continue
        generator = decision_generator(tally.seeds[row.seed_index], row.episode, row.decision)
        for name, value in drawn_noise(shapes, generator).items():
            noise[name][index] = value
    return {name: value.reshape(-1, width, *value.shape[1:]) for name, value in noise.items()}


def drawn_noise(shapes: NoiseShapes, generator: np.random.Generator) -> dict[str, Float32]:
    """The noise of one decision by name."""
    drawn = {}
    for name in sorted(shapes):
        kind, shape = shapes[name]
        draw = generator.standard_normal if kind == "normal" else generator.random
        drawn[name] = draw(shape, dtype=np.float32)
    return drawn


def decision_generator(seed: int, episode: int, decision: int, stream: int = 0) -> np.random.Generator:
    """The generator of one decision: Philox keyed by (seed, episode), its counter starting at (stream, decision)."""
    return np.random.Generator(np.random.Philox(key=[seed, episode], counter=[0, 0, stream, decision]))
