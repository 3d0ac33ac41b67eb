"""Tasks of D4RL and Minari that can be evaluated today: which data, which environment, and where that is another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from .d4rl import load_d4rl
from .files import data_directory
from .minari import MAIN_FILE, load_minari, minari_directory
from .rewards import Family
from .transitions import TransitionData

_LOCOMOTION = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}
_ADROIT = {
    "pen": "AdroitHandPen-v1",
    "door": "AdroitHandDoor-v1",
    "hammer": "AdroitHandHammer-v1",
    "relocate": "AdroitHandRelocate-v1",
}
_QUALITIES = ("random", "medium", "expert", "medium-replay", "medium-expert", "full-replay")
_DEMONSTRATIONS = ("human", "cloned", "expert")
# How D4RL's ant-maze files are named: the maze, and whether starts and goals differ from episode to episode.
_ANTMAZE = {
    "umaze": ("umaze", "u-maze_noisy_multistart_False_multigoal_False"),
    "umaze-diverse": ("umaze", "u-maze_noisy_multistart_True_multigoal_True"),
    "medium-play": ("medium", "big-maze_noisy_multistart_True_multigoal_False"),
    "medium-diverse": ("medium", "big-maze_noisy_multistart_True_multigoal_True"),
    "large-play": ("large", "hardest-maze_noisy_multistart_True_multigoal_False"),
    "large-diverse": ("large", "hardest-maze_noisy_multistart_True_multigoal_True"),
}
_KITCHEN = {
    "complete": ("mini_kitchen_microwave_kettle_light_slider", "slide cabinet"),
    "partial": ("kitchen_microwave_kettle_light_slider", "slide cabinet"),
    "mixed": ("kitchen_microwave_kettle_bottomburner_light", "bottom burner"),
}
_OLD_MUJOCO = (
    "D4RL measured in {old} with mujoco-py, which is gone; {new} has its observations and rewards, on MuJoCo 3"
)
_OLD_ADROIT = "D4RL measured in mj_envs, which is gone; {new} is its port: dense rewards changed in version 1.2.1"
_OLD_ANTMAZE = (
    "D4RL measured with mujoco-py, which is gone; the same ant, walls and goals stand here on MuJoCo 3, "
    "with a goal drawn for each episode"
)
_FIXED_GOAL = "; D4RL drew one goal for all episodes of a -v0 environment"
_OLD_KITCHEN = (
    "D4RL measured in adept_envs, which is gone; FrankaKitchen-v1 is its port, with D4RL's observations and noise, "
    "but judges tasks by positions without noise"
)
_MINARI_MUJOCO = "Minari collected in {new}; without reference returns for its data, returns are reported"
_MINARI_KITCHEN = (
    "Minari played D4RL's actions again in FrankaKitchen-v1, which rewards every step by the tasks that are done in it "
    "and ends by length alone; D4RL's reference returns are for other rewards, returns are reported"
)
_MINARI_ADROIT = "Minari played D4RL's actions again in {new}; scores are by D4RL's reference returns"


@dataclass(frozen=True)
class GymnasiumTask:
    """One data set of D4RL or Minari with an environment to evaluate in.

    `settings` go to gymnasium.make; `remark` says how the environment differs from the one the source measured in;
    `remote` is the file of a D4RL task under the address of a mirror; `scored`: D4RL has reference returns for it.
    """

    name: str
    family: Family
    environment: str
    remark: str
    remote: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    minari: bool = False
    scored: bool = True

    @property
    def file_name(self) -> str:
        """The published file, under the directory."""
        return f"{self.name}/{MAIN_FILE}" if self.minari else f"{self.name}.hdf5"

    def directory(self, given: Path | None) -> Path:
        """Where the file lies: in the given directory, else where data sets of its source are kept."""
        return minari_directory(given) if self.minari else data_directory(given)


def _locomotion() -> Iterator[GymnasiumTask]:
    for kind, new in _LOCOMOTION.items():
        remark = _OLD_MUJOCO.format(old=new.replace("v4", "v2"), new=new)
        for quality in _QUALITIES:
            remote = f"gym_mujoco_v2/{kind}_{quality.replace('-', '_')}-v2.hdf5"
            yield GymnasiumTask(f"{kind}-{quality}-v2", "locomotion", new, remark, remote)
        newer = new.replace("v4", "v5")
        remark = _MINARI_MUJOCO.format(new=newer)
        for quality in ("simple", "medium", "expert"):
            name = f"mujoco/{kind}/{quality}-v0"
            yield GymnasiumTask(name, "locomotion", newer, remark, minari=True, scored=False)


def _adroit() -> Iterator[GymnasiumTask]:
    for kind, new in _ADROIT.items():
        family: Family = "pen" if kind == "pen" else "adroit"
        # Episodes of a hundred steps in the pen's data, of two hundred in the others'.
        steps = {"max_episode_steps": 100 if kind == "pen" else 200}
        for source in _DEMONSTRATIONS:
            name = f"{kind}-{source}-v1"
            yield GymnasiumTask(name, family, new, _OLD_ADROIT.format(new=new), f"hand_dapg_v1/{name}.hdf5", steps)
            remark = _MINARI_ADROIT.format(new=new)
            yield GymnasiumTask(f"D4RL/{kind}/{source}-v2", family, new, remark, settings=steps, minari=True)


def _antmaze() -> Iterator[GymnasiumTask]:
    for kind, (maze, file) in _ANTMAZE.items():
        settings = {"maze": maze, "max_episode_steps": 700 if maze == "umaze" else 1000}
        files = {
            "v0": (f"ant_maze_new/Ant_maze_{file}_sparse.hdf5", _OLD_ANTMAZE + _FIXED_GOAL),
            "v2": (f"ant_maze_v2/Ant_maze_{file}_sparse_fixed.hdf5", _OLD_ANTMAZE),
        }
        for version, (remote, remark) in files.items():
            yield GymnasiumTask(f"antmaze-{kind}-{version}", "antmaze", "veloq/AntMaze-v0", remark, remote, settings)


def _kitchen() -> Iterator[GymnasiumTask]:
    for kind, (file, fourth) in _KITCHEN.items():
        settings = {"tasks": ("microwave", "kettle", "light switch", fourth), "max_episode_steps": 280}
        remote = f"kitchen/{file}-v0.hdf5"
        yield GymnasiumTask(f"kitchen-{kind}-v0", "kitchen", "veloq/Kitchen-v0", _OLD_KITCHEN, remote, settings)
        settings = {**settings, "minari": True, "max_episode_steps": 280 if kind == "complete" else 450}
        name = f"D4RL/kitchen/{kind}-v2"
        yield GymnasiumTask(
            name, "kitchen", "veloq/Kitchen-v0", _MINARI_KITCHEN, settings=settings, minari=True, scored=False
        )


GYMNASIUM_TASKS = {task.name: task for task in chain(_locomotion(), _adroit(), _antmaze(), _kitchen())}


def find_gymnasium_task(name: str) -> GymnasiumTask | None:
    """The task of this name, None when neither source has one or its environment is not supported."""
    return GYMNASIUM_TASKS.get(name)


def load_gymnasium_task(task: GymnasiumTask, directory: Path) -> TransitionData:
    """The transitions of a task's file, rewards as stored.

    Args:
        task: whose.
        directory: where the file lies.

    Raises:
        DataError: the file is missing or damaged.
    """
    if task.minari:
        return load_minari(directory / task.name)
    limit = task.settings["max_episode_steps"] if task.family == "kitchen" else None
    return load_d4rl(directory / task.file_name, limit=limit, walks_on=task.family == "antmaze")
