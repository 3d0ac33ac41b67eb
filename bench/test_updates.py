"""One whole QAM update, data sampling and optimiser included: float32, precision `highest`, one seed."""

import dataclasses
from importlib import import_module
from typing import Any

import pytest

from veloq.algorithms import QAM
from veloq.bench.random_data import random_transitions
from veloq.core.algorithm import Dimensions

# (observation size, action size, rows, hyper-parameters, updates per dispatch, rounds)
QUICK = {"hidden": (128, 128, 128), "critics": 2, "inv_temp": 3.0}
SIZES: dict[str, tuple[int, int, int, dict[str, Any], int, int]] = {
    "quick": (2, 2, 10_000, QUICK, 20, 3),
    "paper": (46, 5, 10_000, {}, 1, 3),
}


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("size", list(SIZES))
def test_qam_update(benchmark: Any, backend: str, size: str) -> None:
    observation, action, rows, overrides, updates, rounds = SIZES[size]
    config = dataclasses.replace(QAM.config(), **overrides)
    engine = import_module(f"veloq.backends.{backend}.engine").Engine(
        QAM,
        config,
        Dimensions(observation, action * config.chunk),
        random_transitions(observation, action, rows),
        seeds=(0,),
    )
    states = [engine.run(engine.initial(), updates)[0]]

    def run() -> None:
        states[0], _ = engine.run(states[0], updates)

    benchmark.group = f"QAM update, {size} size"
    benchmark.extra_info["updates"] = updates
    benchmark.pedantic(run, rounds=rounds, iterations=1)
    assert engine.export(states[0])["step"] == (rounds + 1) * updates
