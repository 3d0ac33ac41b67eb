"""The updates that are timed: methods, sizes, seeds."""

import dataclasses
from importlib import import_module
from typing import Any

from ..algorithms import ALGORITHMS
from ..core.algorithm import Algorithm, Dimensions
from ..core.engine import Transitions
from ..training.presets import preset
from ..training.settings import make_config
from . import place
from .random_data import random_transitions

METHODS = ("qam", "fql", "rql", "ofql", "evor", "rebrac")
SEEDS = (1, 2, 4, 8, 16)
# Environment, whose tuned values are used, and the sizes of its observation and action.
SIZES = {
    "quick": ("pointmaze-medium-navigate-singletask-v0", 2, 2),
    "paper": ("cube-triple-play-singletask-v0", 46, 5),
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """A method at one size, with random data."""

    algorithm: Algorithm
    config: Any
    dimensions: Dimensions
    data: Transitions

    def engine(self, backend: str, seeds: int, **options: Any) -> Any:
        """The library's engine for seeds 0, 1, ..., where the figures are taken."""
        build = import_module(f"..backends.{backend}.engine", __package__).Engine
        options = {"precision": place.precision(), "device": place.device(), **options}
        return build(self.algorithm, self.config, self.dimensions, self.data, tuple(range(seeds)), **options)

    def begun(self) -> int:
        """A number of updates after which every loss trains."""
        moments = [getattr(self.config, update.since) for update in self.algorithm.updates if update.since]
        return max(map(int, moments), default=0)


def problem(method: str, size: str, rows: int = 10_000, **changes: Any) -> Problem:
    """The method with the hyper-parameters of the preset called `size`, some of them changed."""
    env, observation, action = SIZES[size]
    algorithm = ALGORITHMS[method]
    config = make_config(algorithm, {**preset(size, method, env).values, **changes})
    dimensions = Dimensions(observation, action * config.chunk)
    return Problem(algorithm, config, dimensions, random_transitions(observation, action, rows))


def advanced(engine: Any, step: int) -> Any:
    """The first state as if so many updates had been done."""
    flat = engine.export(engine.initial())
    flat["step"] = flat["step"] + step
    return engine.restore(flat)
