"""A thin arc of actions and values that pull off it: what a constraint on the behaviour means."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Arc:
    """Actions along the upper half of a circle, worth more towards its centre and a little more to the right.

    Attributes:
        centre: second coordinate of the circle's centre, the first being 0.
        radius: of the circle.
        width: standard deviation of the distance from it.
        pull: how much the centre is worth more than the circle.
        slope: of the value along the first axis.
    """

    centre: float = -0.3
    radius: float = 0.7
    width: float = 0.04
    pull: float = 1.0
    slope: float = 0.3

    def sample(self, rng: np.random.Generator, count: int) -> Values:
        """Actions from the behaviour density."""
        radius = self.radius + self.width * rng.standard_normal(count)
        return radius[:, None] * _unit(math.pi * rng.random(count)) + [0.0, self.centre]

    def q(self, a: Values) -> Values:
        """slope x - pull |a - centre|²/radius²."""
        return np.asarray(self.slope * a[..., 0] - self.pull * np.sum(self._offset(a) ** 2, axis=-1) / self.radius**2)

    def distance(self, a: Values) -> Values:
        """Distance from the nearest point of the half circle."""
        offset = self._offset(a)
        angle = np.arctan2(offset[..., 1], offset[..., 0])
        nearest = np.where(angle >= 0.0, angle, np.where(offset[..., 0] < 0.0, math.pi, 0.0))
        return np.asarray(np.linalg.norm(offset - self.radius * _unit(nearest), axis=-1))

    def off(self, a: Values, widths: float = 3.0) -> float:
        """Share of actions farther than so many widths from it."""
        return float(np.mean(self.distance(a) > widths * self.width))

    def _offset(self, a: Values) -> Values:
        return np.asarray(a - np.array([0.0, self.centre]))


def _unit(angle: Values) -> Values:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
