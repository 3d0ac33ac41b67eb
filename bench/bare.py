"""The update alone, one after another on the same batch and noise: what a way of running it can save at most.

One seed: losses, gradients, clipping, Adam and averages, without sampling, metrics or seeds. The control's time over
this one bounds the ratio that any engine can reach with the same networks on the same device.
"""

from collections.abc import Callable
from typing import Any

from ..backends.torch.engine import Engine as TorchEngine
from . import place
from .sizes import Problem, advanced


class TorchBare(TorchEngine):
    """The engine of one seed, with the first batch at every step."""

    def _sample(self, step: int) -> Any:
        if not hasattr(self, "_first"):
            self._first = super()._sample(0)
        return self._first


def bare(problem: Problem, backend: str) -> Callable[[int], Any]:
    """A function that runs so many more updates."""
    return _torch(problem) if backend == "torch" else _jax(problem)


def _torch(problem: Problem) -> Callable[[int], Any]:
    given = (problem.algorithm, problem.config, problem.dimensions, problem.data, (0,))
    engine = TorchBare(*given, place.precision(), place.device())
    held = [advanced(engine, problem.begun())]

    def run(updates: int) -> Any:
        held[0], _ = engine.run(held[0], updates)
        return held[0]

    return run


def _jax(problem: Problem) -> Callable[[int], Any]:
    import jax

    from ..backends.jax.engine import MATMUL, find_device
    from ..backends.jax.updates import advance

    algorithm, config = problem.algorithm, problem.config
    declared = algorithm.networks(config, problem.dimensions)

    def step(state: Any, batch: Any, noise: Any) -> Any:
        with jax.default_matmul_precision(MATMUL[place.precision()]):
            return advance(algorithm, config, declared, state, batch, noise)[0]

    engine, compiled = problem.engine("jax", 1), jax.jit(step)
    state = advanced(engine, problem.begun())
    held = [type(state)(*(jax.tree.map(lambda leaf: leaf[0], part) for part in state[:-1]), state.step)]
    first = jax.tree.map(lambda value: value[0], engine.drawn(0))
    batch, noise = jax.device_put(first, find_device(place.device()))

    def run(updates: int) -> Any:
        for _ in range(updates):
            held[0] = compiled(held[0], batch, noise)
        return jax.block_until_ready(held[0])

    return run
