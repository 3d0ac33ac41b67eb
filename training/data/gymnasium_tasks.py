"""Tasks of D4RL and Minari that can be evaluated today: which data, which environment, and where that is another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...core.errors import UsageError
from .d4rl import load_d4rl
from .files import data_directory
from .minari import MAIN_FILE, load_minari, minari_directory
from .transitions import TransitionData

Rewards = Literal["raw", "sparse", "iql", "dql"]
_LOCOMOTION = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}
_ADROIT = {
    "pen": "AdroitHandPen-v1",
    "door": "AdroitHandDoor-v1",
    "hammer": "AdroitHandHammer-v1",
    "relocate": "AdroitHandRelocate-v1",
}
_QUALITIES = ("random", "medium", "expert", "medium-replay", "medium-expert", "full-replay")
_DEMONSTRATIONS = ("human", "cloned", "expert")
_OLD_MUJOCO = (
    "D4RL measured in {old} with mujoco-py, which is gone; {new} has its observations and rewards, on MuJoCo 3"
)
_OLD_ADROIT = "D4RL measured in mj_envs, which is gone; {new} is its port: dense rewards changed in version 1.2.1"
_MINARI_MUJOCO = "Minari collected in {new}; it publishes no reference returns, so that returns are reported"
_MINARI_ADROIT = "Minari's copy of D4RL's rows; {new} is the port of D4RL's environment, scores are D4RL's"


@dataclass(frozen=True)
class GymnasiumTask:
    """One data set of D4RL or Minari with an environment to evaluate in.

    `settings` go to gymnasium.make; `remark` says how the environment differs from the one the source measured in;
    `scored`: D4RL has reference returns for it.
    """

    name: str
    environment: str
    remark: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    minari: bool = False
    scored: bool = True

    @property
    def file_name(self) -> str:
        """The published file, under the directory."""
        return f"{self.name}/{MAIN_FILE}" if self.minari else f"{self.name}.hdf5"

    @property
    def remote(self) -> str:
        """The file of a D4RL task under the address of a mirror of D4RL's."""
        if self.environment in _ADROIT.values():
            return f"hand_dapg_v1/{self.name}.hdf5"
        kind, rest = self.name.removesuffix("-v2").split("-", 1)
        return f"gym_mujoco_v2/{kind}_{rest.replace('-', '_')}-v2.hdf5"

    def directory(self, given: Path | None) -> Path:
        """Where the file lies: in the given directory, else where data sets of its source are kept."""
        return minari_directory(given) if self.minari else data_directory(given)


def _tasks() -> Iterator[GymnasiumTask]:
    for kind, new in _LOCOMOTION.items():
        remark = _OLD_MUJOCO.format(old=new.replace("v4", "v2"), new=new)
        yield from (GymnasiumTask(f"{kind}-{quality}-v2", new, remark) for quality in _QUALITIES)
        newer = new.replace("v4", "v5")
        remark = _MINARI_MUJOCO.format(new=newer)
        for quality in ("simple", "medium", "expert"):
            yield GymnasiumTask(f"mujoco/{kind}/{quality}-v0", newer, remark, minari=True, scored=False)
    for kind, new in _ADROIT.items():
        # Episodes of a hundred steps in the pen's data, of two hundred in the others'.
        steps = {"max_episode_steps": 100 if kind == "pen" else 200}
        for source in _DEMONSTRATIONS:
            yield GymnasiumTask(f"{kind}-{source}-v1", new, _OLD_ADROIT.format(new=new), steps)
            remark = _MINARI_ADROIT.format(new=new)
            yield GymnasiumTask(f"D4RL/{kind}/{source}-v2", new, remark, steps, minari=True)


GYMNASIUM_TASKS = {task.name: task for task in _tasks()}


def find_gymnasium_task(name: str) -> GymnasiumTask | None:
    """The task of this name, None when neither source has one or its environment is not supported."""
    return GYMNASIUM_TASKS.get(name)


def load_gymnasium_task(task: GymnasiumTask, directory: Path, rewards: Rewards) -> TransitionData:
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
    rows = load_minari(directory / task.name) if task.minari else load_d4rl(directory / task.file_name)
    if rewards == "iql" and task.environment not in _ADROIT.values():
        returns = rows.episodes()[1]
        labelled = rows.rewards * np.float32(1000.0 / max(float(returns.max() - returns.min()), 1e-6))
    elif rewards == "dql" and task.environment == _ADROIT["pen"]:
        labelled = (rows.rewards - rows.rewards.mean()) / max(float(rows.rewards.std()), 1e-6)
    else:
        return rows
    return replace(rows, rewards=labelled.astype(np.float32), origin=f"{rows.origin}, rewards by {rewards}")
