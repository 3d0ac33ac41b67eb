"""D4RL's tasks: where each file lies, and how the environment of today differs from the one that is gone."""

from collections.abc import Iterator
from itertools import chain

from .gymnasium_task import GymnasiumTask
from .rewards import Family

# The bodies and hands that Minari has data of too.
LOCOMOTION = {"halfcheetah": "HalfCheetah", "hopper": "Hopper", "walker2d": "Walker2d"}
ADROIT = {
    "pen": "AdroitHandPen-v1",
    "door": "AdroitHandDoor-v1",
    "hammer": "AdroitHandHammer-v1",
    "relocate": "AdroitHandRelocate-v1",
}
DEMONSTRATIONS = ("human", "cloned", "expert")
# The fourth task of each kitchen, after these three.
KITCHEN_TASKS = ("microwave", "kettle", "light switch")
KITCHEN_LAST = {"complete": "slide cabinet", "partial": "slide cabinet", "mixed": "bottom burner"}
# Steps of an episode in the large mazes; in the smallest one there are 700.
ANTMAZE_STEPS = {"umaze": 700}
_QUALITIES = ("random", "medium", "expert", "medium-replay", "medium-expert", "full-replay")
# How the ant mazes' files are named: the maze, and whether starts and goals differ from episode to episode.
_ANTMAZE_FILES = {
    "umaze": "u-maze_noisy_multistart_False_multigoal_False",
    "umaze-diverse": "u-maze_noisy_multistart_True_multigoal_True",
    "medium-play": "big-maze_noisy_multistart_True_multigoal_False",
    "medium-diverse": "big-maze_noisy_multistart_True_multigoal_True",
    "large-play": "hardest-maze_noisy_multistart_True_multigoal_False",
    "large-diverse": "hardest-maze_noisy_multistart_True_multigoal_True",
}
ANTMAZES = tuple(_ANTMAZE_FILES)
_KITCHEN_FILES = {
    "complete": "mini_kitchen_microwave_kettle_light_slider",
    "partial": "kitchen_microwave_kettle_light_slider",
    "mixed": "kitchen_microwave_kettle_bottomburner_light",
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


def d4rl_tasks() -> Iterator[GymnasiumTask]:
    """All of them."""
    return chain(_locomotion(), _adroit(), _antmaze(), _kitchen())


def adroit_family(kind: str) -> Family:
    """Of a hand's task: the pen's rewards are treated in a way of their own."""
    return "pen" if kind == "pen" else "adroit"


def adroit_steps(kind: str) -> int:
    """A hundred steps in an episode of the pen's data, two hundred in the others'."""
    return 100 if kind == "pen" else 200


def _locomotion() -> Iterator[GymnasiumTask]:
    for kind, body in LOCOMOTION.items():
        remark = _OLD_MUJOCO.format(old=f"{body}-v2", new=f"{body}-v4")
        for quality in _QUALITIES:
            remote = f"gym_mujoco_v2/{kind}_{quality.replace('-', '_')}-v2.hdf5"
            yield GymnasiumTask(f"{kind}-{quality}-v2", "locomotion", f"{body}-v4", remark, remote)


def _adroit() -> Iterator[GymnasiumTask]:
    for kind, new in ADROIT.items():
        remark, settings = _OLD_ADROIT.format(new=new), {"max_episode_steps": adroit_steps(kind)}
        for source in DEMONSTRATIONS:
            name = f"{kind}-{source}-v1"
            yield GymnasiumTask(name, adroit_family(kind), new, remark, f"hand_dapg_v1/{name}.hdf5", settings)


def _antmaze() -> Iterator[GymnasiumTask]:
    for kind, file in _ANTMAZE_FILES.items():
        maze = kind.split("-")[0]
        settings = {"maze": maze, "max_episode_steps": ANTMAZE_STEPS.get(maze, 1000)}
        files = {
            "v0": (f"ant_maze_new/Ant_maze_{file}_sparse.hdf5", _OLD_ANTMAZE + _FIXED_GOAL),
            "v2": (f"ant_maze_v2/Ant_maze_{file}_sparse_fixed.hdf5", _OLD_ANTMAZE),
        }
        for version, (remote, remark) in files.items():
            yield GymnasiumTask(f"antmaze-{kind}-{version}", "antmaze", "veloq/AntMaze-v0", remark, remote, settings)


def _kitchen() -> Iterator[GymnasiumTask]:
    for kind, last in KITCHEN_LAST.items():
        settings = {"tasks": (*KITCHEN_TASKS, last), "max_episode_steps": 280}
        remote = f"kitchen/{_KITCHEN_FILES[kind]}-v0.hdf5"
        yield GymnasiumTask(f"kitchen-{kind}-v0", "kitchen", "veloq/Kitchen-v0", _OLD_KITCHEN, remote, settings)
