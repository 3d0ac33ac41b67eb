"""Environments that live in processes of their own: a crash or a hang there costs episodes, not the run."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..core.errors import SimulatorError
from .environments import EVALUATION, EvaluationEnvironment, Observation, Run, Step, borrowed_environments
from .untrusted import one_line

Stepping = Literal["threads", "processes"]
Factory = Callable[[str], EvaluationEnvironment]
factory: Factory = EvaluationEnvironment


class WorkerLostError(Exception):
    """A worker died or did not answer; says which of the two."""


class Worker:
    """One process with environments of a task, one for each slot; asked by one thread at a time."""

    def __init__(self, env_name: str, make: Factory) -> None:
        self._env_name, self._make = env_name, make
        self._process: Any = None
        self._connection: Connection | None = None

    def ask(self, patience: float, *question: Any) -> Any:
        """Send a question and wait for its answer, at most `patience` seconds.

        Raises:
            WorkerLostError: the process died or kept silent, and is gone now; the next question starts another.
            SimulatorError: the environment raised.
        """
        connection = self._connection or self._start()
        try:
            connection.send(question)
            if not connection.poll(patience):
                self.stop()
                raise WorkerLostError(f"did not answer within {patience:g} s")
            kind, answer = connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(1.0)
            code = self._process.exitcode
            self.stop()
            raise WorkerLostError(f"died with exit code {code}") from error
        if kind == "error":
            raise SimulatorError(answer)
        return answer

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._connection = None

    def _start(self) -> Connection:
        # spawn: forked children would inherit JAX's threads.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._env_name, self._make), daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        return ours


class WorkerEnvironment:
    """An environment in a worker, with the methods of `EvaluationEnvironment` that evaluations and fine-tuning need."""

    def __init__(self, worker: Worker, slot: int, patience: float) -> None:
        self.worker, self._slot, self._patience = worker, slot, patience

    def sizes(self) -> tuple[int, int]:
        """Sizes of observation and action."""
        found: tuple[int, int] = self._ask("sizes")
        return found

    def reset(self, seed: int, episode: int, stream: int = EVALUATION) -> Observation:
        """Start an episode."""
        return np.asarray(self._ask("reset", seed, episode, stream))

    def step(self, action: npt.NDArray[Any]) -> Step:
        """Apply one action."""
        found: Step = self._ask("step", action)
        return found

    def position(self) -> npt.NDArray[np.float64] | None:
        """Where the agent is in a maze."""
        found: npt.NDArray[np.float64] | None = self._ask("position")
        return found

    def run(self, actions: npt.NDArray[Any], positions: bool = False) -> Run:
        """Execute actions until the episode ends."""
        found: Run = self._ask("run", actions, positions)
        return found

    def _ask(self, *question: Any) -> Any:
        return self.worker.ask(self._patience, self._slot, *question)


Environment = EvaluationEnvironment | WorkerEnvironment


def serve(connection: Connection, env_name: str, make: Factory) -> None:
    """The worker's process: answer (slot, method, arguments...) until the other side is gone."""
    # Ctrl-C reaches every process of the terminal; only the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environments: dict[int, EvaluationEnvironment] = {}
    while True:
        try:
            slot, method, *arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if slot not in environments:
                environments[slot] = make(env_name)
            answer = ("answer", getattr(environments[slot], method)(*arguments))
        except Exception as error:
            answer = ("error", one_line(error))
        connection.send(answer)


_idle: dict[tuple[str, Factory], list[Worker]] = {}
_idle_lock = threading.Lock()


@contextmanager
def borrowed_workers(env_name: str, count: int, workers: int, patience: float) -> Iterator[list[WorkerEnvironment]]:
    """`count` environments, the i-th in worker i modulo `workers`; the processes stay for the next evaluation."""
    key = (env_name, factory)
    with _idle_lock:
        idle = _idle.setdefault(key, [])
        hired = [idle.pop() for _ in range(min(workers, len(idle)))]
    hired += [Worker(env_name, factory) for _ in range(workers - len(hired))]
    try:
        yield [WorkerEnvironment(hired[slot % workers], slot, patience) for slot in range(count)]
    finally:
        with _idle_lock:
            _idle[key].extend(hired)


def borrowed(
    env_name: str, count: int, workers: int, stepping: Stepping, patience: float
) -> AbstractContextManager[Sequence[Environment]]:
    """`count` environments of a task, in this process or in `workers` others."""
    if stepping == "threads":
        return borrowed_environments(env_name, count)
    return borrowed_workers(env_name, count, workers, patience)
