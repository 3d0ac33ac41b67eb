"""A picture of a maze from above: walls, where the data went, and rollouts of a policy."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.errors import UsageError
from .environments import borrowed_environments

Path2D = npt.NDArray[np.float64]
FREE, REACHED, MISSED, WALL = "#f5f5f2", "#1a7f5a", "#c0392b", "#3b4252"


def maze_picture(
    env_name: str,
    rollouts: Sequence[Path2D],
    success: Sequence[bool],
    background: npt.NDArray[Any] | None = None,
    title: str = "",
    file: Path | None = None,
) -> bytes:
    """Draw rollouts in the maze of a task and return the PNG.

    Args:
        env_name: a single-task maze environment.
        rollouts: positions (T + 1, 2) of each rollout.
        success: whether each rollout reached the goal.
        background: positions (N, 2) of the behaviour data, drawn as a light density.
        title: above the picture.
        file: where to write the PNG as well.

    Raises:
        UsageError: the task is not a maze.
    """
    # Not pyplot: a figure of its own needs no display and leaves the user's backend alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with borrowed_environments(env_name, 1) as (environment,):
        environment.reset(0, 0)
        if environment.position() is None:
            raise UsageError(f"{env_name}: only a maze can be drawn from above")
        simulator = environment.simulator
        walls = np.asarray(simulator.maze_map) != 0
        unit = float(simulator._maze_unit)
        corner = np.asarray(simulator.ij_to_xy((0, 0)), dtype=float) - unit / 2
        goal, tolerance = np.asarray(simulator.cur_goal_xy, dtype=float), float(simulator._goal_tol)
    height, width = walls.shape
    extent = (corner[0], corner[0] + unit * width, corner[1], corner[1] + unit * height)
    figure = Figure(figsize=(5.0, 5.0 * height / width + 0.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(FREE)
    if background is not None and len(background):
        _density(axes, background, extent)
    for i, j in np.argwhere(walls):
        axes.add_patch(_rectangle(corner + unit * np.array([j, i]), unit))
    _rollouts(axes, rollouts, success)
    _goal(axes, goal, tolerance)
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[], aspect="equal")
    axes.set_title(title or env_name, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    if file is not None:
        file.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def _rectangle(corner: npt.NDArray[np.float64], unit: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((float(corner[0]), float(corner[1])), unit, unit, facecolor=WALL, edgecolor=WALL, zorder=2)


def _density(axes: Any, positions: npt.NDArray[Any], extent: tuple[float, float, float, float]) -> None:
    """Log-scaled visit counts, in a light blue that leaves the rollouts readable."""
    bins = [np.linspace(extent[0], extent[1], 97), np.linspace(extent[2], extent[3], 97)]
    counts, _, _ = np.histogram2d(positions[:, 0], positions[:, 1], bins=bins)
    axes.imshow(np.log1p(counts.T), origin="lower", extent=extent, cmap="Blues", alpha=0.45, zorder=1)


def _rollouts(axes: Any, rollouts: Sequence[Path2D], success: Sequence[bool]) -> None:
    for path, reached in zip(rollouts, success, strict=True):
        colour = REACHED if reached else MISSED
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.0, alpha=0.75, zorder=3)
        axes.plot(path[0, 0], path[0, 1], "o", color=colour, markersize=3, zorder=4)
    if rollouts:
        reached_count = sum(map(bool, success))
        axes.set_xlabel(f"{reached_count} of {len(rollouts)} rollouts reach the goal", fontsize=8)


def _goal(axes: Any, goal: npt.NDArray[np.float64], tolerance: float) -> None:
    from matplotlib.patches import Circle

    centre = (float(goal[0]), float(goal[1]))
    axes.add_patch(Circle(centre, tolerance, facecolor="#f4c542", edgecolor="#8a6d00", alpha=0.8, zorder=5))
    axes.plot(*centre, "*", color="#8a6d00", markersize=7, zorder=6)
