"""Ctrl-C and SIGTERM as a request that the training loop answers between two dispatches."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Raised inside an evaluation to leave it early; the loop catches it."""


class StopRequest:
    """While entered, the first signal becomes `requested` and calls `told`; the second interrupts at once."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.requested: int | None = None
        self._told = told
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise Interrupted once a stop was requested."""
        if self.requested is not None:
            raise Interrupted

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested is not None:
            raise KeyboardInterrupt
        self.requested = number
        self._told()
