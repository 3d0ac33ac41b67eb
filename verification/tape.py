"""A recorder for machines without CUDA: every operation of an update with the tensors that it met, and nothing else.

A CUDA graph keeps no Python: a number that changes from update to update, as a count of steps would, stays what it was
when it was recorded. A tape keeps as little, and knows which operations a graph could not hold.
"""

from collections.abc import Callable
from typing import Any

import optree
import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Reading a number on the host, and making a tensor of numbers from there, wait for the device.
SYNCHRONISING = ("_local_scalar_dense", "lift_fresh", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2")


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operations of one recording, in order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Keep an operation and do it."""
        result = operation(*args, **(kwargs or {}))
        self._calls.append((operation, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def play(self) -> None:
        """Every operation once more, its results where they were."""
        for operation, args, kwargs, result in self._calls:
            if operation.is_view:
                continue
            kept = optree.tree_leaves(result)
            for old, new in zip(kept, optree.tree_leaves(operation(*args, **kwargs)), strict=True):
                # Tangents that are zero have no memory.
                if isinstance(old, torch.Tensor) and old is not new and not old._is_zerotensor():
                    old.copy_(new)

    def synchronising(self) -> set[str]:
        """Names of operations that a CUDA graph could not hold."""
        names = {operation._schema.name.split("::")[-1] for operation, *_ in self._calls}
        return names.intersection(SYNCHRONISING)


class Tapes:
    """A recorder as `backends.torch.recording.CudaGraphs`; the first playing is the recording itself, which ran."""

    def __init__(self) -> None:
        self.tapes: list[Tape] = []

    def rehearse(self, function: Callable[[], Any]) -> Any:
        """Run a function."""
        return function()

    def record(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Tape what a function does."""
        tape, played = Tape(), False
        self.tapes.append(tape)
        with tape:
            results = function()

        def play() -> Any:
            nonlocal played
            if played:
                tape.play()
            played = True
            return results

        return play
