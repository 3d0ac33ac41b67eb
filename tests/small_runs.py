"""Runs small enough for tests: two episodes of data, networks of eight units."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from veloq.algorithms import ALGORITHMS
from veloq.training.settings import Settings, make_config

ENV = "pointmaze-medium-navigate-singletask-v0"
SIZES = {"hidden": [8, 8], "critics": 2, "flow_steps": 2, "chunk": 2, "batch_size": 8}


def quiet() -> Console:
    """A console that prints nothing."""
    return Console(quiet=True)


def small_settings(directory: Path, data: Path, **changes: Any) -> Settings:
    """Settings of a run of eight updates; `config` among the changes holds hyper-parameters by name."""
    method = changes.pop("method", "qam")
    config = make_config(ALGORITHMS[method], SIZES | changes.pop("config", {}))
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


def timeless_records(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what a clock wrote."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    timed = {"seconds", "updates_per_second"}
    return [{key: value for key, value in json.loads(line).items() if key not in timed} for line in lines]
