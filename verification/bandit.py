"""One-step problems in the plane: a behaviour density, a value for each action, and the tilted law to be reached."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.engine import Transitions

Values = NDArray[np.float64]
FINE = 240  # points per side of the box [-1, 1]², over which a cell's mass is integrated


@dataclass(frozen=True)
class Bandit:
    """Actions in [-1, 1]² from a Gaussian mixture, each worth q(a); the tilt is p exp(inv_temp q)/Z.

    The default q is a saddle over four alike modes: the tilt keeps the two on the diagonal, the right one most, and
    pulls them apart.

    Attributes:
        means: of the components (M, 2).
        weights: of the components (M,).
        std: of every component.
        slope: of q(a) = slope · a + ½ a · hessian a.
        hessian: of q (2, 2).
        inv_temp: of the tilt.
    """

    means: Values = field(default_factory=lambda: 0.4 * np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]]))
    weights: Values = field(default_factory=lambda: np.full(4, 0.25))
    std: float = 0.16
    slope: Values = field(default_factory=lambda: np.array([0.4, 0.0]))
    hessian: Values = field(default_factory=lambda: np.array([[0.0, 2.4], [2.4, 0.0]]))
    inv_temp: float = 3.0

    def q(self, a: Values) -> Values:
        """Value of actions (..., 2)."""
        return np.asarray(a @ self.slope + 0.5 * np.sum((a @ self.hessian) * a, axis=-1))

    def density(self, a: Values) -> Values:
        """Behaviour density up to its constant, zero outside the box."""
        offsets = a[..., None, :] - self.means
        parts = self.weights * np.exp(-0.5 * np.sum(offsets**2, axis=-1) / self.std**2)
        return np.asarray(parts.sum(axis=-1) * np.all(np.abs(a) <= 1.0, axis=-1))

    def sample(self, rng: np.random.Generator, count: int) -> Values:
        """Actions from the behaviour density, by rejection outside the box."""
        kept = np.empty((0, 2))
        while len(kept) < count:
            component = rng.choice(len(self.weights), p=self.weights, size=count)
            drawn = self.means[component] + self.std * rng.standard_normal((count, 2))
            kept = np.concatenate([kept, drawn[np.all(np.abs(drawn) <= 1.0, axis=-1)]])
        return kept[:count]

    def masses(self, inv_temp: float, cells: int) -> Values:
        """Shares of p exp(inv_temp q)/Z by cell of the box, (cells, cells)."""
        inside = (np.arange(FINE) + 0.5) / FINE * 2.0 - 1.0
        a = np.stack(np.meshgrid(inside, inside, indexing="ij"), axis=-1)
        tilted = self.density(a) * np.exp(inv_temp * self.q(a))
        masses = tilted.reshape(cells, FINE // cells, cells, FINE // cells).sum(axis=(1, 3))
        return np.asarray(masses / masses.sum())


def shares(actions: Values, cells: int) -> Values:
    """Shares of samples by cell of the box; what lies on its border belongs to the cell inside."""
    inside, edges = np.clip(actions, -1.0 + 1e-9, 1.0 - 1e-9), np.linspace(-1.0, 1.0, cells + 1)
    counts = np.histogram2d(inside[:, 0], inside[:, 1], bins=(edges, edges))[0]
    return np.asarray(counts / counts.sum())


def total_variation(first: Values, second: Values) -> float:
    """Half the summed difference of two laws over the same cells."""
    return float(0.5 * np.abs(first - second).sum())


def transitions(actions: Values, reward: Callable[[Values], Values]) -> Transitions:
    """Every action as an episode of one step from the same observation."""
    rows = len(actions)
    nothing = np.zeros((rows, 1), np.float32)
    return Transitions(
        observations=nothing,
        actions=actions.astype(np.float32),
        next_observations=nothing,
        rewards=reward(actions).astype(np.float32),
        masks=np.zeros(rows, np.float32),
        terminals=np.ones(rows, np.float32),
    )


def checkerboard(rng: np.random.Generator, count: int) -> Values:
    """Uniform on the eight dark squares of a 4 x 4 board over [-0.9, 0.9]²."""
    column = rng.integers(0, 4, count)
    row = 2 * rng.integers(0, 2, count) + column % 2
    corner = np.stack([column, row], axis=-1)
    return np.asarray((corner + rng.random((count, 2))) / 4.0 * 1.8 - 0.9)


def spiral(rng: np.random.Generator, count: int) -> Values:
    """A turn and a half of a spiral of width 0.04."""
    share = np.sqrt(0.05 + 0.95 * rng.random(count))
    points = 0.9 * share[:, None] * np.stack([np.cos(3.0 * np.pi * share), np.sin(3.0 * np.pi * share)], axis=-1)
    return np.asarray(points + 0.04 * rng.standard_normal((count, 2)))


def crescent(rng: np.random.Generator, count: int) -> Values:
    """Two interleaved half circles of width 0.04."""
    angle = np.pi * rng.random(count)
    upper = rng.random(count) < 0.5
    sign = np.where(upper, 1.0, -1.0)
    points = np.stack([0.55 * np.cos(angle) - 0.25 * sign, sign * (0.6 * np.sin(angle) - 0.2)], axis=-1)
    return np.asarray(points + 0.04 * rng.standard_normal((count, 2)))


SHAPES: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "checkerboard": checkerboard,
    "spiral": spiral,
    "crescent": crescent,
}
