"""Behaviour of OGBench's point-maze data: breadth-first direction towards random goals, with Gaussian noise.

Protocol of ogbench's data_gen_scripts/generate_locomaze.py for `point`, where the "expert" is the direction itself:
a_t = clip(d_t + 0.5 ε_t, -1, 1), d_t the unit vector from the agent to the next cell on a shortest path.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..simulator import make_environment
from .catalogue import DataSet
from .collection import Collector, Episode

NOISE = 0.5
STITCH_DISTANCE = 4
Cell = tuple[int, int]


class PointMazeCollector:
    """Collects `navigate` (a new goal when the goal is reached) and `stitch` (one goal, four cells away)."""

    def __init__(self, data_set: DataSet) -> None:
        self._env = make_environment(
            data_set.environment,
            terminate_at_goal=False,
            max_episode_steps=data_set.rows,
        )
        self._maze: Any = self._env.unwrapped
        self._variant = data_set.variant
        self._rows = data_set.rows
        self._free, self._vertices = maze_cells(self._maze.maze_map)
        self._next_cell: dict[tuple[Cell, Cell], npt.NDArray[np.float64]] = {}

    def __call__(self, seed: int) -> Episode:
        start = self._free[np.random.randint(len(self._free))]  # noqa: NPY002
        task = {"init_ij": start, "goal_ij": self._first_goal(start)}
        observation, _ = self._env.reset(seed=seed, options={"task_info": task})
        columns: dict[str, list[Any]] = {k: [] for k in ("observations", "actions", "terminals", "qpos", "qvel")}
        done = False
        while not done:
            action = self._action(observation)
            next_observation, _, terminated, truncated, info = self._env.step(action)
            done = terminated or truncated
            if info["success"] and self._variant == "navigate":
                self._new_goal()
            row = (observation, action, done, info["prev_qpos"], info["prev_qvel"])
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
            observation = next_observation
        return {key: np.asarray(column) for key, column in columns.items()}

    def _action(self, observation: npt.NDArray[Any]) -> npt.NDArray[Any]:
        noise = np.random.normal(0.0, NOISE, 2)  # noqa: NPY002
        return np.clip(self._direction() + noise, -1.0, 1.0)

    def _first_goal(self, start: Cell) -> Cell:
        cells = self._vertices
        if self._variant == "stitch":
            cells = cells_at_distance(self._maze.maze_map, start, STITCH_DISTANCE) or [start]
        return cells[np.random.randint(len(cells))]  # noqa: NPY002

    def _new_goal(self) -> None:
        cell = self._vertices[np.random.randint(len(self._vertices))]  # noqa: NPY002
        self._maze.set_goal(goal_xy=self._maze.add_noise(self._maze.ij_to_xy(cell)))

    def _direction(self) -> npt.NDArray[np.float64]:
        position, goal = self._maze.get_xy(), self._maze.cur_goal_xy
        # The sub-goal depends on the two cells alone; the search behind it would be half of the running time.
        cells = (self._maze.xy_to_ij(position), self._maze.xy_to_ij(goal))
        if cells not in self._next_cell:
            self._next_cell[cells] = self._maze.get_oracle_subgoal(position, goal)[0]
        direction = self._next_cell[cells] - position
        return np.asarray(direction / (np.linalg.norm(direction) + 1e-6))


def make_collector(data_set: DataSet) -> Collector:
    """Build the collector of a point-maze data set."""
    return PointMazeCollector(data_set)


def maze_cells(maze_map: npt.NDArray[Any]) -> tuple[list[Cell], list[Cell]]:
    """Free cells, and those among them that are not the middle of a straight corridor (goals are drawn there)."""
    free = [(int(i), int(j)) for i, j in np.argwhere(maze_map == 0)]
    vertices = []
    for i, j in free:
        above, below, left, right = (bool(maze_map[cell]) for cell in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)))
        corridor = above == below and left == right and above != left
        if not corridor:
            vertices.append((i, j))
    return free, vertices


def cells_at_distance(maze_map: npt.NDArray[Any], start: Cell, distance: int) -> list[Cell]:
    """Free cells whose shortest path from `start` has exactly `distance` steps."""
    seen, frontier = {start}, [start]
    for _ in range(distance):
        reached: list[Cell] = []
        for i, j in frontier:
            for cell in ((i - 1, j), (i, j - 1), (i + 1, j), (i, j + 1)):
                if maze_map[cell] == 0 and cell not in seen:
                    seen.add(cell)
                    reached.append(cell)
        frontier = reached
    return frontier
