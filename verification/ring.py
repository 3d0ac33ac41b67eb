"""A thin ring of actions and values that pull off it: what a method's constraint on the behaviour means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """Actions around a circle, worth more towards its centre and a little more to the right.

    Attributes:
        radius: of the circle.
        width: standard deviation of the distance from it.
        pull: how much the centre is worth more than the circle.
        slope: of the value along the first axis.
    """

    radius: float = 0.7
    width: float = 0.04
    pull: float = 1.0
    slope: float = 0.3

    def sample(self, rng: np.random.Generator, count: int) -> Values:
        """Actions from the behaviour density."""
        angle = 2.0 * np.pi * rng.random(count)
        radius = self.radius + self.width * rng.standard_normal(count)
        return np.asarray(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1))

    def q(self, a: Values) -> Values:
        """slope x - pull |a|²/radius²."""
        return np.asarray(self.slope * a[..., 0] - self.pull * np.sum(a**2, axis=-1) / self.radius**2)

    def off(self, a: Values, widths: float = 3.0) -> float:
        """Share of actions farther than so many widths from the circle."""
        distance = np.abs(np.sqrt(np.sum(a**2, axis=-1)) - self.radius)
        return float(np.mean(distance > widths * self.width))
