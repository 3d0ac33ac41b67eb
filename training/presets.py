"""Sizes and schedules by name: what `--preset quick` and `--preset paper` mean for a method and an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import UsageError


@dataclass(frozen=True)
class Preset:
    """Schedule of a run and the hyper-parameters that differ from the method's defaults.

    `transitions` is the number of rows to make when the data set is missing; None asks for the published data.
    """

    updates: int
    evaluate_every: int
    curve_episodes: int
    episodes: int
    transitions: int | None
    values: Mapping[str, Any] = field(default_factory=dict)


# Sizes that train on two CPU cores; the method's own parameters are left to the tables below.
SMALL: Mapping[str, Any] = {
    "chunk": 5,
    "hidden": (128, 128, 128),
    "critics": 2,
    "flow_steps": 10,
    "inv_temp": 3.0,
    "learning_rate": 1e-3,
    "target_rate": 0.02,
    "discount": 0.99,
}

QUICK: Mapping[str, Preset] = {
    # Values reach the far corner of the maze one chunk per effective copy of the target: at a rate of 0.02 some
    # seeds do not know where to go after 6000 updates. With a stronger tilt (inverse temperature 2, 3, 5) the
    # learned Q is higher everywhere, and some seeds get stuck near walls or learn later.
    "pointmaze": Preset(4000, 1000, 10, 50, 300_000, {**SMALL, "target_rate": 0.05, "inv_temp": 1.0}),
    "cube": Preset(20_000, 5000, 10, 50, 200_000, SMALL),
    "other": Preset(20_000, 5000, 10, 50, None, SMALL),
}

PAPER = Preset(1_000_000, 50_000, 50, 50, None)

# Appendix of the QAM paper and its released script: locomotion acts one step at a time; long mazes look further.
PAPER_VALUES: Mapping[str, Mapping[str, Any]] = {
    "pointmaze": {"chunk": 1, "inv_temp": 10.0},
    "antmaze": {"chunk": 1, "inv_temp": 10.0},
    "antmaze-giant": {"chunk": 1, "inv_temp": 3.0, "discount": 0.995},
    "humanoidmaze": {"chunk": 1, "inv_temp": 3.0, "rho": 0.0, "discount": 0.995},
    "antsoccer": {"chunk": 1},
    "scene": {"inv_temp": 1.0},
    "puzzle-3x3": {"inv_temp": 3.0},
    "puzzle-4x4": {"inv_temp": 30.0},
    "cube": {"inv_temp": 1.0},
    "cube-triple": {"inv_temp": 3.0},
}


def preset(name: str, method: str, env: str) -> Preset:
    """The preset of a method on an environment.

    Args:
        name: quick or paper.
        method: name of the algorithm; its inverse temperature in the table is plain QAM's.
        env: name of the environment, for instance pointmaze-medium-navigate-singletask-v0.

    Raises:
        UsageError: no preset has this name.
    """
    if name not in ("quick", "paper"):
        raise UsageError(f"unknown preset {name!r}; known: quick, paper")
    if name == "quick":
        return QUICK.get(family(env), QUICK["other"])
    values = dict(_most_specific(PAPER_VALUES, env))
    if method != "qam":
        values.pop("inv_temp", None)
    return Preset(PAPER.updates, PAPER.evaluate_every, PAPER.curve_episodes, PAPER.episodes, PAPER.transitions, values)


def family(env: str) -> str:
    """The first word of an environment's name."""
    return env.split("-", 1)[0]


def _most_specific(table: Mapping[str, Mapping[str, Any]], env: str) -> Mapping[str, Any]:
    matching = [key for key in table if env.startswith(key)]
    return table[max(matching, key=len)] if matching else {}
