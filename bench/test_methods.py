"""One update of every method at the quick preset's sizes on pointmaze, data sampling and optimiser included.

Left out unless `python -m veloq.bench --methods` asks for it: compiling them takes minutes.
"""

from importlib import import_module
from typing import Any

import pytest

from veloq.algorithms import ALGORITHMS
from veloq.bench.random_data import random_transitions
from veloq.core.algorithm import Dimensions
from veloq.training.presets import preset
from veloq.training.settings import make_config

ENV = "pointmaze-medium-navigate-singletask-v0"
OBSERVATION, ACTION, ROWS, UPDATES, ROUNDS = 2, 2, 10_000, 20, 3


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("method", ALGORITHMS)
def test_method_update(benchmark: Any, method: str, backend: str) -> None:
    algorithm = ALGORITHMS[method]
    config = make_config(algorithm, preset("quick", method, ENV).values)
    data = random_transitions(OBSERVATION, ACTION, ROWS)
    build = import_module(f"veloq.backends.{backend}.engine").Engine
    engine = build(algorithm, config, Dimensions(OBSERVATION, ACTION * config.chunk), data, seeds=(0,))
    # Long enough for every loss to have begun, so that none is left out of the figure.
    begun = max([0, *(getattr(config, update.since) for update in algorithm.updates if update.since)])
    states = [engine.run(_advanced(engine, begun), UPDATES)[0]]

    def run() -> None:
        states[0], _ = engine.run(states[0], UPDATES)

    benchmark.group = f"update of {method}"
    benchmark.extra_info["updates"] = UPDATES
    benchmark.pedantic(run, rounds=ROUNDS, iterations=1)
    assert engine.export(states[0])["step"] == begun + (ROUNDS + 1) * UPDATES


def _advanced(engine: Any, step: int) -> Any:
    """The first state as if so many updates had been done."""
    flat = engine.export(engine.initial())
    flat["step"] = flat["step"] + step
    return engine.restore(flat)
