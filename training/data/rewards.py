"""What sources do to rewards before they train on them: the same for rows of a file and for those met online."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...core.errors import UsageError
from .transitions import Array, TransitionData

Rewards = Literal["raw", "sparse", "iql", "dql", "bdpo"]
# The tasks of OGBench, and those of D4RL and Minari by what sources do to their rewards.
Family = Literal["ogbench", "locomotion", "pen", "adroit", "pointmaze", "antmaze", "kitchen"]
# Rewards of the environment to those trained on, float32 of the same shape.
Labelling = Callable[[npt.ArrayLike], Array]


@dataclass(frozen=True)
class Affine:
    """scale * reward + shift."""

    scale: float = 1.0
    shift: float = 0.0

    def __call__(self, rewards: npt.ArrayLike) -> Array:
        """Rewards, of any shape."""
        labelled: Array = np.float32(self.scale) * np.asarray(rewards, np.float32) + np.float32(self.shift)
        return labelled


RAW = Affine()


def sparse(rewards: npt.ArrayLike) -> Array:
    """QAM's sparse rewards: -1 until everything of the task is satisfied, then 0."""
    return np.where(np.asarray(rewards) != 0, np.float32(-1), np.float32(0))


def labelling(source: Rewards, family: Family, rows: TransitionData) -> Labelling:
    """What a source does to the rewards of a task, with what it measures on the rows of the file.

    Args:
        source: "raw" nothing. OGBench: "sparse" -1 until all is done (QAM). D4RL: "iql" (CleanDiffuser, CORL, fql)
            locomotion times 1000 over the range of the episodes' returns, ant mazes -1; "dql"
            (Diffusion-Policies-for-Offline-RL) the pen standardised, ant mazes 4 (r - 0.5); "bdpo" (flow-rl)
            locomotion as "iql", ant mazes times 100.
        family: of the task.
        rows: with the rewards of the file.

    Raises:
        UsageError: the source says nothing about tasks of this kind.
    """
    match source, family:
        case "sparse", "ogbench":
            return sparse
        case "sparse", _:
            raise UsageError("rewards: sparse is a choice of OGBench's manipulation tasks")
        case (("iql" | "dql" | "bdpo"), "ogbench"):
            raise UsageError(f"rewards: {source} is a choice of D4RL's tasks; OGBench's are raw or sparse")
        case (("iql" | "bdpo"), "locomotion"):
            returns = rows.episodes()[1]
            return Affine(1000.0 / max(float(returns.max() - returns.min()), 1e-6))
        case "dql", "pen":
            deviation = max(float(rows.rewards.std()), 1e-6)
            return Affine(1 / deviation, -float(rows.rewards.mean()) / deviation)
        case "iql", "antmaze":
            return Affine(shift=-1.0)
        case "dql", "antmaze":
            return Affine(4.0, -2.0)
        case "bdpo", "antmaze":
            return Affine(100.0)
        case _:
            return RAW
