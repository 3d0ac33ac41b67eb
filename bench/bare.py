"""The update alone, one after another on the same batch and noise: what a way of running it can save at most.

One seed: losses, gradients, clipping, Adam and averages, without sampling, metrics or seeds. The control's time over
this one bounds the ratio that any engine can reach with the same networks on the same device.
"""

from collections.abc import Callable
from typing import Any

from . import place
from .control import first_seed
from .sizes import Problem, advanced


def bare(problem: Problem, backend: str) -> Callable[[int], Any]:
    """A function that runs so many more updates."""
    return _torch(problem) if backend == "torch" else _jax(problem)


def _torch(problem: Problem) -> Callable[[int], Any]:
    engine = problem.engine("torch", 1)
    first = engine._sample(0)
    engine._sample = lambda step: first
    held = [advanced(engine, problem.begun())]

    def run(updates: int) -> Any:
        held[0], _ = engine.run(held[0], updates)
        return held[0]

    return run


def _jax(problem: Problem) -> Callable[[int], Any]:
    import jax

    from ..backends.jax.engine import MATMUL, find_device
    from ..backends.jax.processor import wide_vectors
    from ..backends.jax.updates import advance

    algorithm, config = problem.algorithm, problem.config
    declared = algorithm.networks(config, problem.dimensions)

    def step(state: Any, batch: Any, noise: Any) -> Any:
        with jax.default_matmul_precision(MATMUL[place.precision()]):
            return advance(algorithm, config, declared, state, batch, noise)[0]

    engine, compiled = problem.engine("jax", 1), jax.jit(step, compiler_options=wide_vectors())
    held = [first_seed(advanced(engine, problem.begun()))]
    first = jax.tree.map(lambda value: value[0], engine.drawn(0))
    batch, noise = jax.device_put(first, find_device(place.device()))

    def run(updates: int) -> Any:
        for _ in range(updates):
            held[0] = compiled(held[0], batch, noise)
        return jax.block_until_ready(held[0])

    return run
