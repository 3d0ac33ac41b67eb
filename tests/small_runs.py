"""Runs small enough for tests: two episodes of data, networks of eight units."""

import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from veloq.algorithms import ALGORITHMS
from veloq.core.algorithm import Algorithm, Dimensions
from veloq.training.settings import Settings, make_config, moments

ENV = "pointmaze-medium-navigate-singletask-v0"
DATA_SET = "pointmaze-medium-navigate-v0"
SIZES = {"hidden": [8, 8], "critics": 2, "flow_steps": 2, "chunk": 2, "batch_size": 8}
OTHER_SIZE, MOMENT = 4, 2
# What config.json says of a run that nobody trained.
DESCRIPTION: dict[str, Any] = {
    "method": "qam",
    "env": ENV,
    "backend": "jax",
    "preset": "quick",
    "config": {"inv_temp": 3.0, "hidden": [8, 8]},
    "dimensions": {"observation": 2, "action": 4},
    "seeds": [0, 1],
    "precision": "highest",
    "updates": 4,
    "data_sha256": "ab",
}


def quiet() -> Console:
    """A console that prints nothing."""
    return Console(quiet=True)


def small_values(algorithm: Algorithm, sizes: Mapping[str, Any] = SIZES, moment: int = MOMENT) -> dict[str, Any]:
    """Hyper-parameters by name: the sizes the method has, its other whole numbers and its moments made small."""
    own = vars(algorithm.config())
    values = {name: value for name, value in sizes.items() if name in own}
    for name, kind in typing.get_type_hints(algorithm.config).items():
        if name not in sizes and kind is int:
            values[name] = min(own[name], moment if name in moments(algorithm) else OTHER_SIZE)
        elif typing.get_origin(kind) is tuple:
            values[name] = sizes["hidden"]
    return values


def small_settings(directory: Path, data: Path, **changes: Any) -> Settings:
    """Settings of a run of eight updates; `config` among the changes holds hyper-parameters by name."""
    method = changes.pop("method", "qam")
    config = make_config(ALGORITHMS[method], small_values(ALGORITHMS[method]) | changes.pop("config", {}))
    values: dict[str, Any] = {
        "method": method,
        "env": ENV,
        "backend": "jax",
        "preset": "quick",
        "config": config,
        "seeds": (0, 1),
        "updates": 8,
        "evaluate_every": 6,
        "curve_episodes": 1,
        "episodes": 1,
        "dispatch": 2,
        "precision": "highest",
        "device": "cpu",
        "transitions": None,
        "directory": directory,
        "data_directory": data,
        "workers": 1,
    }
    return Settings(**(values | changes))


def decision_noise(algorithm: Algorithm, config: Any, dimensions: Dimensions, lead: tuple[int, ...]) -> dict[str, Any]:
    """Noise of decisions with these leading axes, by name."""
    rng = np.random.default_rng(1)
    draws = {"normal": rng.standard_normal, "uniform": rng.random}
    declared = algorithm.act_noise(config, dimensions)
    return {name: draws[each.kind]((*lead, *each.shape)).astype(np.float32) for name, each in declared.items()}


def timeless_records(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what a clock wrote."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    timed = {"seconds", "updates_per_second"}
    return [{key: value for key, value in json.loads(line).items() if key not in timed} for line in lines]
