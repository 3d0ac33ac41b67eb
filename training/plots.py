"""Learning curves as PNG files, drawn from the records of metrics.jsonl."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .measures import SUCCESS, values
from .picture import save_picture

Records = Sequence[Mapping[str, Any]]
Curve = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
COLUMNS = 3


def metric_curves(records: Records) -> dict[str, Curve]:
    """Steps (N,) and values (N, S) of every training metric."""
    rows: dict[str, list[tuple[int, Sequence[float]]]] = {}
    for record in records:
        if record["kind"] == "training":
            for name, values in record["metrics"].items():
                rows.setdefault(name, []).append((record["step"], values))
    return {name: _curve(found) for name, found in rows.items()}


def success_curve(records: Records, policy: str) -> Curve | None:
    """Steps (N,) and success rates or scores (N, S) of a policy; None when it was never evaluated."""
    rows = [
        (record["step"], values(record))
        for record in records
        if record["kind"] == "evaluation" and record["policy"] == policy
    ]
    return _curve(rows) if rows else None


def draw_losses(records: Records, labels: Sequence[str], path: Path) -> bool:
    """One panel for each metric, one line for each seed; False when there is nothing to draw."""
    curves = metric_curves(records)
    if not curves:
        return False
    rows = -(-len(curves) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 2.9 * rows), layout="constrained")
    for index, (name, curve) in enumerate(curves.items()):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        _lines(axes, curve, labels, marker="")
        if (curve[1] > 0).all() and curve[1].max() > 20 * curve[1].min():
            axes.set_yscale("log")
        axes.set_title(name.replace("_", " "), fontsize=10)
    save_picture(figure, path)
    return True


def draw_success(records: Records, labels: Sequence[str], title: str, path: Path) -> bool:
    """Success rate of every seed over the updates, and the behaviour policy's level."""
    curve = success_curve(records, "method")
    if curve is None:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    _lines(axes, curve, labels, marker="o")
    behaviour = success_curve(records, "behaviour")
    if behaviour is not None:
        level = float(behaviour[1][-1].mean())
        axes.axhline(level, color="0.4", linestyle="--", label=f"behaviour cloning {level:.2f}")
    if title == SUCCESS.title:
        axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel(title)
    axes.legend(fontsize=8)
    save_picture(figure, path)
    return True


def _curve(rows: Sequence[tuple[int, Sequence[float]]]) -> Curve:
    steps = np.array([step for step, _ in rows], dtype=np.int64)
    return steps, np.array([values for _, values in rows], dtype=np.float64)


def _lines(axes: Axes, curve: Curve, labels: Sequence[str], marker: str) -> None:
    steps, values = curve
    for index, label in enumerate(labels):
        axes.plot(steps, values[:, index], marker=marker, linewidth=1.3, label=label)
    axes.set_xlabel("updates")
    axes.grid(alpha=0.25)
