"""Whole updates, data sampling and optimiser included, and the same updates in the style of the released scripts.

Every figure is seconds per update of all its seeds; engine, control and bare update take turns, so that a machine whose
speed drifts is as fast for the one as for the other. `VELOQ_BENCH_FULL` (the option --full) asks for every method at
every size and number of seeds; else several seeds are timed at the quick size alone: eight of every method, and of QAM
every number.
"""

import statistics
import time
from typing import Any

import pytest

from veloq.bench import place
from veloq.bench.bare import bare
from veloq.bench.control import control
from veloq.bench.sizes import METHODS, SEEDS, SIZES, Problem, advanced, problem

ROUNDS = 9
# On a CPU more seeds at paper size would take minutes; there they are timed at the quick size alone.
MANY_ON_A_CPU = 2
FEW = 8
# What stands in a case's name: the backend and its options.
ENGINES: dict[str, tuple[str, dict[str, bool]]] = {"jax": ("jax", {}), "torch": ("torch", {})}
if place.device() != "cpu":
    ENGINES["torch_graphs"] = ("torch", {"cuda_graphs": True})


def cases() -> list[tuple[str, str, int, str]]:
    """(method, size, seeds, engine)"""
    everything = [
        (method, size, seeds, engine)
        for method in METHODS
        for size in SIZES
        for seeds in SEEDS
        for engine in ENGINES
        if size == "quick" or seeds <= MANY_ON_A_CPU or place.device() != "cpu"
    ]
    return [case for case in everything if place.full() or case[2] == 1 or few(*case[:3])]


def few(method: str, size: str, seeds: int) -> bool:
    """Whether so many seeds are timed without --full."""
    return size == "quick" and (method == "qam" or seeds == FEW)


class Beside:
    """Other ways to run one seed's updates, before every round of an engine; `seconds` per update, round by round."""

    def __init__(self, problem: Problem, backend: str, updates: int) -> None:
        self._runs = {"control": control(problem, backend), "bare": bare(problem, backend)}
        self._updates = updates
        self.seconds: dict[str, list[float]] = {name: [] for name in self._runs}
        for run in self._runs.values():
            run(updates)

    def __call__(self) -> None:
        for name, run in self._runs.items():
            began = time.perf_counter()
            run(self._updates)
            self.seconds[name].append((time.perf_counter() - began) / self._updates)


def updates_per_round(size: str) -> int:
    return 20 if size == "quick" else 2 if place.device() == "cpu" else 20


@pytest.mark.parametrize(("method", "size", "seeds", "engine"), cases())
def test_update(benchmark: Any, method: str, size: str, seeds: int, engine: str) -> None:
    chosen, updates = problem(method, size), updates_per_round(size)
    backend, options = ENGINES[engine]
    trainer = chosen.engine(backend, seeds, **options)
    states = [trainer.run(advanced(trainer, chosen.begun()), updates)[0]]

    def run() -> None:
        states[0], metrics = trainer.run(states[0], updates)
        assert all(len(values) == seeds for values in metrics.values())

    beside, config = Beside(chosen, backend, updates), chosen.config
    benchmark.group = f"update of {method}, {size} size"
    benchmark.extra_info |= {"updates": updates, "seeds": seeds, "batch": config.batch_size, "hidden": config.hidden}
    benchmark.pedantic(run, setup=beside, rounds=ROUNDS, iterations=1)
    for name, seconds in beside.seconds.items():
        benchmark.extra_info[f"{name}_seconds"] = statistics.median(seconds)
        assert len(seconds) == ROUNDS
    assert trainer.export(states[0])["step"] == chosen.begun() + (ROUNDS + 1) * updates
