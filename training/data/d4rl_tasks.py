"""D4RL's tasks that can be evaluated today: which data, which environment, and where that is not the old one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...core.errors import UsageError
from .d4rl import load_d4rl
from .transitions import TransitionData

Rewards = Literal["raw", "sparse", "iql", "dql"]
_LOCOMOTION = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}
_ADROIT = {
    "pen": "AdroitHandPen-v1",
    "door": "AdroitHandDoor-v1",
    "hammer": "AdroitHandHammer-v1",
    "relocate": "AdroitHandRelocate-v1",
}
_NAME = re.compile(
    rf"^(?P<locomotion>{'|'.join(_LOCOMOTION)})-(random|medium|expert|medium-replay|medium-expert|full-replay)-v2$"
    rf"|^(?P<adroit>{'|'.join(_ADROIT)})-(human|cloned|expert)-v1$"
)
_OLD_MUJOCO = (
    "D4RL measured in {old} with mujoco-py, which is gone; {new} has its observations and rewards, on MuJoCo 3"
)
_OLD_ADROIT = "D4RL measured in mj_envs, which is gone; {new} is its port: dense rewards changed in version 1.2.1"


@dataclass(frozen=True)
class D4RLTask:
    """One D4RL data set with an environment to evaluate in.

    `settings` go to gymnasium.make; `remark` says how the environment differs from the one D4RL measured in.
    """

    name: str
    environment: str
    remark: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """The published file."""
        return f"{self.name}.hdf5"


def find_d4rl_task(name: str) -> D4RLTask | None:
    """The task of this name, None when D4RL has none or its environment is not supported."""
    match = _NAME.match(name)
    if match is None:
        return None
    if (kind := match["locomotion"]) is not None:
        new = _LOCOMOTION[kind]
        return D4RLTask(name, new, _OLD_MUJOCO.format(old=new.replace("v4", "v2"), new=new))
    new = _ADROIT[match["adroit"]]
    # Episodes of a hundred steps in the pen's data, of two hundred in the others'.
    steps = {"max_episode_steps": 100 if match["adroit"] == "pen" else 200}
    return D4RLTask(name, new, _OLD_ADROIT.format(new=new), steps)


def load_d4rl_task(task: D4RLTask, directory: Path, rewards: Rewards) -> TransitionData:
    """The transitions of a task's file, rewards as a source has them.

    Args:
        task: whose.
        directory: where the file lies.
        rewards: "raw" as stored; "iql" times 1000 over the range of the episodes' returns in locomotion, raw
            elsewhere (CleanDiffuser, flow-rl, CORL); "dql" standardised for the pen, raw elsewhere
            (Diffusion-Policies-for-Offline-RL).

    Raises:
        UsageError: "sparse", which is OGBench's.
        DataError: the file is missing or damaged.
    """
    if rewards == "sparse":
        raise UsageError("rewards: sparse is a choice of OGBench's manipulation tasks")
    rows = load_d4rl(directory / task.file_name)
    if rewards == "iql" and task.environment in _LOCOMOTION.values():
        returns = rows.episodes()[1]
        labelled = rows.rewards * np.float32(1000.0 / max(float(returns.max() - returns.min()), 1e-6))
    elif rewards == "dql" and task.environment == _ADROIT["pen"]:
        labelled = (rows.rewards - rows.rewards.mean()) / max(float(rows.rewards.std()), 1e-6)
    else:
        return rows
    return replace(rows, rewards=labelled.astype(np.float32), origin=f"{rows.origin}, rewards by {rewards}")
