"""Updates recorded once and played again: a CUDA graph is one launch where an eager update has thousands."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import optree
import torch

# What a function did, done once more on the same memory; returns the function's tensors.
Play = Callable[[], Any]
# How often an update runs before it is recorded, so that libraries have chosen their kernels and workspaces.
REHEARSALS = 3


class CudaGraphs:
    """Recording by the CUDA driver: nothing runs while it records.

    Args:
        generators: those that recorded functions draw from; when played, they go on from where each then stands.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._generators = generators

    def rehearse(self, function: Callable[[], Any]) -> Any:
        """Run a function on a stream aside, where libraries set up what must not be set up in a recording."""
        current = torch.cuda.current_stream()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            results = function()
        current.wait_stream(aside)
        return results

    def record(self, function: Callable[[], Any]) -> Play:
        """Record what a function does to the tensors that it holds; other threads may evaluate meanwhile."""
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            results = function()

        def play() -> Any:
            graph.replay()
            return results

        return play


@dataclass
class Recording:
    """One update: how often it was rehearsed, then the memory of its inputs and how to play it."""

    rehearsed: int = 0
    inputs: Any = None
    play: Play | None = None


class Recordings:
    """Of one training state: a recording for each set of losses and averages that an update may have.

    Args:
        recorder: whose `rehearse` runs a function and whose `record` makes it a `Play`.
        data: what its updates read besides their inputs and the state.
    """

    def __init__(self, recorder: Any, data: Any) -> None:
        self._recorder, self.data = recorder, data
        self._known: dict[Hashable, Recording] = {}

    def __call__(self, key: Hashable, update: Callable[..., Any], inputs: Any) -> Any:
        """The results of `update(inputs)`, which are overwritten at the next call with this key.

        Args:
            key: equal where an update does the same to the same tensors.
            update: changes tensors in place and synchronises nothing with the host.
            inputs: a tree of tensors, of one shape for each key; copied.
        """
        known = self._known.setdefault(key, Recording())
        if known.play is None and known.rehearsed < REHEARSALS:
            known.rehearsed += 1
            return self._recorder.rehearse(lambda: update(inputs))
        if known.play is None:
            known.inputs = optree.tree_map(torch.clone, inputs)
            known.play = self._recorder.record(lambda: update(known.inputs))
        else:
            for kept, new in zip(optree.tree_leaves(known.inputs), optree.tree_leaves(inputs), strict=True):
                kept.copy_(new)
        return known.play()
