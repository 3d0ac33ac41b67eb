"""One update of every method at the quick preset's sizes on pointmaze, data sampling and optimiser included.

Left out unless `python -m veloq.bench --methods` asks for it: compiling them takes minutes.
"""

from typing import Any

import pytest

from veloq.algorithms import ALGORITHMS
from veloq.bench.sizes import advanced, problem

UPDATES, ROUNDS = 20, 3


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("method", ALGORITHMS)
def test_method_update(benchmark: Any, method: str, backend: str) -> None:
    chosen = problem(method, "quick")
    engine = chosen.engine(backend, 1)
    # Long enough for every loss to have begun, so that none is left out of the figure.
    states = [engine.run(advanced(engine, chosen.begun()), UPDATES)[0]]

    def run() -> None:
        states[0], _ = engine.run(states[0], UPDATES)

    benchmark.group = f"update of {method}"
    benchmark.extra_info["updates"] = UPDATES
    benchmark.pedantic(run, rounds=ROUNDS, iterations=1)
    assert engine.export(states[0])["step"] == chosen.begun() + (ROUNDS + 1) * UPDATES
