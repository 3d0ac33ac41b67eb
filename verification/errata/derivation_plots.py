"""Plots of the three derivations in docs/derivations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ... import reference as K
from .derivations import DISCOUNT, NEXT, ORDERS, REWARD, RK_STEPS, TARGETS, learned_density, return_paths, share_left
from .numbers_qam import adjoint_error, gaussian, one, sensitivity


def save(figure: Any, path: Path) -> None:
    """Write a PNG without a date or a version in it."""
    figure.savefig(path, dpi=100, metadata={"Software": None})


def style() -> Any:
    """pyplot with the Agg backend and this page's settings."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {
            "figure.figsize": (8.0, 3.2),
            "figure.constrained_layout.use": True,
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
        }
    )
    return pyplot


BLUE, ORANGE, GREY = "#1f5fa8", "#d1631b", "#666666"


def draw_flow_td(path: Path) -> None:
    """Paths from noise to return under both targets, and the learned densities."""
    plt = style()
    figure, axes = plt.subplots(1, 3, sharey=True)
    time = np.linspace(0, 1, RK_STEPS + 1)
    for axis, target, colour in zip(axes[:2], TARGETS, (ORANGE, BLUE), strict=True):
        axis.plot(time, return_paths(target, np.linspace(-2.4, 2.4, 25)[:, None])[:, :, 0], color=colour, lw=0.8)
        axis.set(title=f"{target} target", xlabel="t (0 = noise, 1 = return)")
    axes[0].set_ylabel("return")
    grid = np.linspace(-4, 4, 801)
    law = NEXT.affine(REWARD, DISCOUNT).density(grid[:, None], np.ones((1, 1)))[:, 0]
    axes[2].fill_betweenx(grid, law, color="#dddddd", label="true law")
    for target, colour in zip(TARGETS, (ORANGE, BLUE), strict=True):
        z, density = learned_density(target)
        axes[2].plot(density, z, color=colour, label=target)
    axes[2].set(title="law learned", xlabel="density", ylim=(-4, 4), xlim=(0, None))
    axes[2].legend(loc="lower right")
    save(figure, path)
    plt.close(figure)


def draw_lean_adjoint(path: Path) -> None:
    """Largest error against the number of steps, and the residual along the flow at T = 10."""
    plt = style()
    figure, (left, right) = plt.subplots(1, 2)
    for name, heun, colour, order in (("released", False, ORANGE, 1), ("Heun", True, BLUE, 2)):
        errors = [adjoint_error(steps, heun) for steps in ORDERS]
        left.loglog(ORDERS, errors, "o-", color=colour, label=name)
        guide = errors[-1] * (ORDERS[-1] / np.array(ORDERS)) ** order
        left.loglog(ORDERS, guide, ":", color=GREY, lw=1, label=f"slope -{order}")
    left.set(xlabel="steps T", ylabel="largest error of g", xticks=ORDERS, xticklabels=ORDERS)
    left.minorticks_off()
    left.legend()
    t = np.linspace(0, 1, 101)
    right.plot(t, (1 - t) * sensitivity(0.5, t) / np.where(t > 0, t, 1) + 0.25 * (t == 0), color=GREY, label="exact")
    h, flow = 0.1, gaussian(0.5)
    squared = K.memoryless_sigma(np.arange(10) * h, h) ** 2
    for name, kernel, colour in (("released", K.lean_adjoint, ORANGE), ("Heun", K.lean_adjoint_heun, BLUE)):
        gs = kernel(flow.velocity(np), np.zeros((11, 1, 1)), one(-1.0))[:10, 0, 0]
        right.plot(np.arange(10) * h, -squared * gs / 2, "o-", ms=4, color=colour, label=f"{name}, shifted σ²")
    inner = np.arange(1, 10) * h
    ghat = K.lean_adjoint_heun(flow.velocity(np), np.zeros((11, 1, 1)), one(-1.0))[1:10, 0, 0] / inner
    right.plot(inner, -(1 - inner) * ghat, "o", ms=6, mfc="none", color=BLUE, label="Heun, -(1-t) g/t")
    right.set(xlabel="t", ylabel="residual -σ² g/2 at T = 10", ylim=(-0.1, None))
    right.legend()
    save(figure, path)
    plt.close(figure)


def draw_flow_reversal(path: Path) -> None:
    """The way back and forth for one action, and the share of its offset that survives."""
    plt = style()
    figure, (left, right) = plt.subplots(1, 2)
    field, steps = gaussian(0.1).velocity(np), 10
    time = np.arange(steps + 1) / steps
    back = [float(K.reverse_euler(field, one(0.2), one(t), max(steps - i, 1))[0, 0]) for i, t in enumerate(time)]
    left.plot(time, back, "o--", ms=3, color=ORANGE, label="explicit reversal")
    left.plot(time, K.euler_path(field, one(back[0]), steps)[:, 0, 0], "-", color=ORANGE, label="flow from there")
    start, _ = K.invert_euler(field, one(0.2), steps, 100)
    left.plot(time, K.euler_path(field, start, steps)[:, 0, 0], "o-", ms=3, color=BLUE, label="exact inverse, and flow")
    left.axhline(0.2, color=GREY, lw=0.8, ls=":")
    left.set(xlabel="t (0 = noise, 1 = action)", ylabel="x, action 0.2, s = 0.1")
    left.legend()
    counts = np.array([5, 10, 20, 40, 80, 160])
    for std, marker in ((0.5, "o"), (0.1, "s")):
        shares = [share_left(std, int(n)) for n in counts]
        right.semilogx(
            counts, shares, marker + "-", ms=4, color=ORANGE, label=f"explicit, s = {std:g}", alpha=0.5 + std
        )
    right.axhline(1.0, color=BLUE, label="exact inverse")
    right.set(xlabel="steps", ylabel="share of the offset left", xticks=counts, xticklabels=counts, ylim=(0, 1.05))
    right.minorticks_off()
    right.legend(loc="lower right")
    save(figure, path)
    plt.close(figure)


PLOTS: dict[str, Callable[[Path], None]] = {
    "flow_td": draw_flow_td,
    "lean_adjoint": draw_lean_adjoint,
    "flow_reversal": draw_flow_reversal,
}
