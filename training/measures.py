"""What an evaluation is judged by: OGBench's success rate, D4RL's normalised score, or an expert's return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .data.d4rl_scores import normalized_score
from .data.expert_tasks import EXPERT_TASKS
from .data.gymnasium_tasks import find_gymnasium_task


@dataclass(frozen=True)
class Measure:
    """`key` in the records of evaluations, which name it; `title` for people."""

    key: str
    title: str


SUCCESS, SCORE = Measure("success", "success rate"), Measure("score", "normalised score")
RETURN = Measure("returns", "return")


def measure_of(env_name: str) -> Measure:
    """What runs on an environment are judged by."""
    if env_name in EXPERT_TASKS:
        return RETURN
    if (task := find_gymnasium_task(env_name)) is None:
        return SUCCESS
    return SCORE if task.scored else RETURN


def figures_of(
    env_name: str, success: npt.NDArray[np.float64], returns: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """What runs on an environment are judged by, of members with these success rates and mean returns, (S,)."""
    measure = measure_of(env_name)
    if measure is SCORE:
        return normalized_score(env_name, returns)
    return returns if measure is RETURN else success


def values(record: Mapping[str, Any]) -> Sequence[float]:
    """An evaluation's figure of each member, by the measure of its environment."""
    key = record.get("measure", SUCCESS.key)
    found: Sequence[float] = record[key]
    return found
