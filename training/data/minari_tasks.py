"""Minari's tasks: which environment each data set's policies are evaluated in, after its published descriptions.

Mazes: Farama-Foundation/minari-dataset-generation-scripts, scripts/pointmaze and scripts/antmaze.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from .d4rl_tasks import (
    ADROIT,
    ANTMAZE_STEPS,
    ANTMAZES,
    DEMONSTRATIONS,
    KITCHEN_LAST,
    KITCHEN_TASKS,
    LOCOMOTION,
    adroit_family,
    adroit_steps,
)
from .gymnasium_task import GymnasiumTask
from .maze_maps import GOALS, START, Cell, marked

# A name of gymnasium-robotics for each maze.
_MAZES = {"open": "Open", "umaze": "UMaze", "medium": "Medium", "large": "Large"}
_POINT_GOALS: dict[str, Cell] = {**GOALS, "open": (2, 3), "umaze": (1, 1)}
# Where the ants of antmaze/umaze begin and end in all episodes of its data.
_UMAZE: tuple[Cell, Cell] = ((3, 1), (1, 1))
_MUJOCO = "Minari collected in {new}; without reference returns for its data, returns are reported"
_KITCHEN = (
    "Minari played D4RL's actions again in FrankaKitchen-v1, which rewards every step by the tasks that are done in it "
    "and ends by length alone; D4RL's reference returns are for other rewards, returns are reported"
)
_ADROIT = "Minari played D4RL's actions again in {new}; scores are by D4RL's reference returns"
_MAZE = (
    "evaluated as Minari names it, in {new} with one goal; {reward}, and episodes end by length alone; returns are "
    "reported"
)
_MIRRORED = (
    "Minari names the mirror image of the maze that its data was collected in; here it is that maze, {new}, from the "
    "start to the goal of antmaze/umaze's data; every step at the goal pays 1, and episodes end by length alone; "
    "returns are reported"
)


def minari_tasks() -> Iterator[GymnasiumTask]:
    """All of them."""
    return chain(_locomotion(), _adroit(), _kitchen(), _pointmaze(), _antmaze())


def _locomotion() -> Iterator[GymnasiumTask]:
    for kind, body in LOCOMOTION.items():
        remark = _MUJOCO.format(new=f"{body}-v5")
        for quality in ("simple", "medium", "expert"):
            name = f"mujoco/{kind}/{quality}-v0"
            yield GymnasiumTask(name, "locomotion", f"{body}-v5", remark, minari=True, scored=False)


def _adroit() -> Iterator[GymnasiumTask]:
    for kind, new in ADROIT.items():
        settings = {"max_episode_steps": adroit_steps(kind)}
        for source in DEMONSTRATIONS:
            name, remark = f"D4RL/{kind}/{source}-v2", _ADROIT.format(new=new)
            yield GymnasiumTask(name, adroit_family(kind), new, remark, settings=settings, minari=True)


def _kitchen() -> Iterator[GymnasiumTask]:
    for kind, last in KITCHEN_LAST.items():
        steps = 280 if kind == "complete" else 450
        settings = {"tasks": (*KITCHEN_TASKS, last), "minari": True, "max_episode_steps": steps}
        name = f"D4RL/kitchen/{kind}-v2"
        yield GymnasiumTask(name, "kitchen", "veloq/Kitchen-v0", _KITCHEN, settings=settings, minari=True, scored=False)


def _pointmaze() -> Iterator[GymnasiumTask]:
    for maze, name in _MAZES.items():
        settings = _maze(marked(maze, _POINT_GOALS[maze]))
        for dense, reward in (("", "every step at the goal pays 1"), ("Dense", "a step pays exp(-distance)")):
            new = f"PointMaze_{name}{dense}-v3"
            task = f"D4RL/pointmaze/{maze}{dense and '-dense'}-v2"
            remark = _MAZE.format(new=new, reward=reward)
            yield GymnasiumTask(task, "pointmaze", new, remark, settings=settings, minari=True, scored=False)


def _antmaze() -> Iterator[GymnasiumTask]:
    for kind in ANTMAZES:
        maze = kind.split("-")[0]
        new = f"AntMaze_{_MAZES[maze]}-v4"
        start, goal = _UMAZE if maze == "umaze" else (START, GOALS[maze])
        remark = _MIRRORED if maze == "umaze" else _MAZE
        remark = remark.format(new=new, reward="every step at the goal pays 1")
        steps = {"max_episode_steps": ANTMAZE_STEPS.get(maze, 1000)}
        settings = {**_maze(marked(maze, goal, start)), **steps}
        name = f"D4RL/antmaze/{kind}-v1"
        yield GymnasiumTask(name, "antmaze", new, remark, settings=settings, minari=True, scored=False)


def _maze(cells: list[list[int | str]]) -> dict[str, Any]:
    """What is reached is reached again in every step that stays: nothing ends, and the goal stays where it is."""
    return {"maze_map": cells, "continuing_task": True, "reset_target": False}
