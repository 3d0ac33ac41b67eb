"""Whole updates, data sampling and optimiser included, and the same updates in the style of the released scripts.

Every figure is seconds per update of all its seeds. `VELOQ_BENCH_FULL` (the option --full) asks for every method at
every size and number of seeds; else several seeds are timed for QAM alone, at the quick size.
"""

from typing import Any

import pytest

from veloq.bench import place
from veloq.bench.control import control
from veloq.bench.sizes import METHODS, SEEDS, SIZES, Problem, advanced, problem

ROUNDS = 3
# On a CPU more seeds at paper size would take minutes; there they are timed at the quick size alone.
MANY_ON_A_CPU = 2


def cases() -> list[tuple[str, str, int, str]]:
    """(method, size, seeds, backend)"""
    everything = [
        (method, size, seeds, backend)
        for method in METHODS
        for size in SIZES
        for seeds in SEEDS
        for backend in ("jax", "torch")
        if size == "quick" or seeds <= MANY_ON_A_CPU or place.device() != "cpu"
    ]
    return [case for case in everything if place.full() or case[2] == 1 or case[:2] == ("qam", "quick")]


def note(benchmark: Any, chosen: Problem, size: str, seeds: int, updates: int) -> None:
    benchmark.group = f"update of {chosen.algorithm.name}, {size} size"
    config = chosen.config
    benchmark.extra_info |= {"updates": updates, "seeds": seeds, "batch": config.batch_size, "hidden": config.hidden}


def updates_per_round(size: str) -> int:
    return 20 if size == "quick" else 1 if place.device() == "cpu" else 20


@pytest.mark.parametrize(("method", "size", "seeds", "backend"), cases())
def test_update(benchmark: Any, method: str, size: str, seeds: int, backend: str) -> None:
    chosen, updates = problem(method, size), updates_per_round(size)
    engine = chosen.engine(backend, seeds)
    states = [engine.run(advanced(engine, chosen.begun()), updates)[0]]

    def run() -> None:
        states[0], metrics = engine.run(states[0], updates)
        assert all(len(values) == seeds for values in metrics.values())

    note(benchmark, chosen, size, seeds, updates)
    benchmark.pedantic(run, rounds=ROUNDS, iterations=1)
    assert engine.export(states[0])["step"] == chosen.begun() + (ROUNDS + 1) * updates


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", METHODS)
def test_control(benchmark: Any, method: str, size: str, backend: str) -> None:
    chosen, updates = problem(method, size), updates_per_round(size)
    run = control(chosen, backend)
    run(updates)
    note(benchmark, chosen, size, 1, updates)
    benchmark.pedantic(run, args=(updates,), rounds=ROUNDS, iterations=1)
