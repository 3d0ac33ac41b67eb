"""D4RL's ant mazes on OGBench's ant, which has the bodies, motors and time step of D4RL's."""

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ogbench.locomaze.ant import AntEnv

from .data.maze_maps import GOALS, START, walls

UNIT, WALL_HEIGHT = 4.0, 2.0


class AntMaze(AntEnv):  # type: ignore[misc]
    """D4RL's sparse task: reward 1 and the end within 0.5 of the goal, 0 elsewhere; falling over ends nothing.

    An episode begins at the origin, in the start's cell, and its goal is drawn anew, in a corner of the goal's cell,
    as in the -v2 environments. Observation: positions and velocities of the ant, (15 + 14,).
    """

    def __init__(self, maze: str, **settings: Any) -> None:
        self.maze_map = np.array(walls(maze), np.int64)
        self._maze_unit, self._goal_tol = UNIT, 0.5
        self._end = GOALS[maze]
        self.cur_goal_xy: npt.NDArray[np.float64] = np.array(self.ij_to_xy(self._end))
        tree = ElementTree.parse(AntEnv.xml_file)
        self._build(tree)
        height, width = self.maze_map.shape
        camera = {
            "lookat": np.array([*self.ij_to_xy(((height - 1) / 2, (width - 1) / 2)), 0.0]),
            "distance": 5.0 * max(height, width),
            "elevation": -90,
        }
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "maze.xml"
            tree.write(file)
            super().__init__(str(file), default_camera_config=camera, **settings)

    def ij_to_xy(self, ij: tuple[float, float]) -> tuple[float, float]:
        """The centre of a cell, the start's being the origin."""
        return UNIT * (ij[1] - START[1]), UNIT * (ij[0] - START[0])

    def reset_model(self) -> Any:
        """Begin an episode: a goal, then the ant at the origin."""
        cell = np.array(self.ij_to_xy(self._end))
        drawn = self.np_random.uniform(0.0, UNIT / 4, 2) + self.np_random.uniform(0.0, UNIT / 8, 2)
        self.cur_goal_xy = np.maximum(cell + drawn, 0.0)
        return super().reset_model()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act for a tenth of a second."""
        observation, _, _, _, info = super().step(action)
        reached = bool(np.linalg.norm(self.get_xy() - self.cur_goal_xy) <= self._goal_tol)
        return observation, float(reached), reached, False, {**info, "success": reached}

    def _build(self, tree: Any) -> None:
        world = tree.find(".//worldbody")
        for i, j in np.argwhere(self.maze_map):
            x, y = self.ij_to_xy((i, j))
            place, size = f"{x} {y} {WALL_HEIGHT / 2}", f"{UNIT / 2} {UNIT / 2} {WALL_HEIGHT / 2}"
            wall = {"type": "box", "material": "wall", "contype": "1", "conaffinity": "1", "pos": place, "size": size}
            ElementTree.SubElement(world, "geom", wall)
