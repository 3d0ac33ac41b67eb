"""One evaluation at a time in a thread of its own, of a copy of the state, while training goes on."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from . import checkpoint
from .checkpoint import Checkpoint
from .interruption import Interrupted

Record = dict[str, Any]


class Beside:
    """The evaluation that was begun last.

    `found` is its record once `wait` was called, until it is in metrics.jsonl: always before the line of the next
    evaluation and after all lines of training before that, so that the file does not depend on who was faster.
    """

    def __init__(self) -> None:
        self.found: Record | None = None
        self._thread = ThreadPoolExecutor(1, "evaluation")
        self._begun: tuple[Checkpoint, Future[Record]] | None = None
        self._left = threading.Event()

    def begin(self, moment: Checkpoint, evaluate: Callable[[], Record]) -> None:
        """Evaluate, whose checkpoint is `moment`; the one before was waited for."""
        self._begun = moment, self._thread.submit(evaluate)

    @property
    def busy(self) -> bool:
        """Whether there is something to wait for."""
        return self._begun is not None

    def wait(self, score: Callable[[Record], float]) -> Checkpoint:
        """Have the evaluation end that was begun; its checkpoint with its score.

        Raises:
            SimulatorError: an environment failed; its checkpoint says that it is to be evaluated.
        """
        if self._begun is None:
            raise RuntimeError("no evaluation was begun")
        (moment, future), self._begun = self._begun, None
        self.found = future.result()
        return replace(moment, progress={**moment.progress, checkpoint.SCORE: score(self.found)})

    def policy(self, act: Any, state: Any) -> Callable[..., Any]:
        """The policy of a state, which is asked no more after `leave`."""

        def asked(observations: Any, noise: Mapping[str, Any]) -> Any:
            if self._left.is_set():
                raise Interrupted
            return act(state, observations, noise)

        return asked

    def leave(self) -> None:
        """End, at its next decision, what nobody waits for."""
        self._left.set()
        self._thread.shutdown()
