"""What an evaluation is judged by: OGBench's success rate, or D4RL's normalised score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .data.d4rl_tasks import find_d4rl_task


@dataclass(frozen=True)
class Measure:
    """`key` in the records of evaluations; `title` for people."""

    key: str
    title: str


SUCCESS, SCORE = Measure("success", "success rate"), Measure("score", "normalised score")


def measure_of(env_name: str) -> Measure:
    """What runs on an environment are judged by."""
    return SUCCESS if find_d4rl_task(env_name) is None else SCORE


def values(record: Mapping[str, Any]) -> Sequence[float]:
    """An evaluation's figure of each member, by the measure of its environment."""
    found: Sequence[float] = record[SCORE.key] if SCORE.key in record else record[SUCCESS.key]
    return found
