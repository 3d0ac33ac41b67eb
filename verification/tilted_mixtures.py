"""Problems whose optimal policy is known: a Gaussian mixture as behaviour, a quadratic critic, and their tilt."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mixtures import Mixture

Values = NDArray[np.float64]
EDGES = np.concatenate([[-np.inf], np.linspace(-2.0, 2.0, 41), [np.inf]])


@dataclass(frozen=True)
class TiltedMixture:
    """A base law p of numbers and the critic Q(a) = slope a + curvature a²/2.

    The tilt is p exp(inv_temp Q)/Z, of Q at actions clipped to [-1, 1] as QAM clips them, unless it says otherwise.
    """

    law: Mixture
    slope: float
    curvature: float
    inv_temp: float

    @classmethod
    def random(cls, seed: int, apart: float) -> "TiltedMixture":
        """A seed's first problem whose tilt is `apart` from the base, from the reverse tilt and from twice the tilt."""
        rng = np.random.default_rng(seed)
        while True:
            heavy, sign = rng.uniform(0.7, 0.8), rng.choice([-1.0, 1.0])
            means = sign * rng.uniform(0.3, 0.5, 2) * np.array([-1.0, 1.0])
            law = Mixture(np.array([heavy, 1.0 - heavy]), means, rng.uniform(0.18, 0.25, 2))
            inv_temp = float(rng.choice([0.4, 2.5]))
            slope, curvature = sign * rng.uniform(3.0, 4.0), rng.uniform(-3.0, 1.0)
            problem = cls(law, slope / inv_temp, curvature / inv_temp, inv_temp)
            if min(problem.distance(problem.masses(factor)) for factor in (-1.0, 0.0, 2.0)) > apart:
                return problem

    def q(self, a: Any) -> Any:
        """The critic, on arrays of any kind."""
        return self.slope * a + self.curvature * a**2 / 2.0

    def gradient(self, a: Any) -> Any:
        """The critic's slope, on arrays of any kind."""
        return self.slope + self.curvature * a

    def masses(self, factor: float = 1.0) -> Values:
        """Shares of p exp(factor · inv_temp · Q)/Z between EDGES: forty midpoints in each cell, and in the tails."""
        cells = np.concatenate([[-4.0], EDGES[1:-1], [4.0]])
        inside = (np.arange(40) + 0.5) / 40.0
        a = cells[:-1, None] + np.diff(cells)[:, None] * inside
        tilt = np.exp(factor * self.inv_temp * self.q(np.clip(a, -1.0, 1.0)))
        density = self.law.density(a[..., None], np.ones((1, 1, 1)))[..., 0] * tilt
        masses = density.mean(axis=1) * np.diff(cells)
        return np.asarray(masses / masses.sum())

    def distance(self, masses: Values) -> float:
        """Total variation between the tilt and the law of these masses, over the cells."""
        return float(0.5 * np.abs(masses - self.masses()).sum())

    def tilted(self) -> Mixture:
        """The tilt without clipping, a mixture again: the exponents of component j are those of another Gaussian."""
        stds = 1.0 / np.sqrt(1.0 / self.law.stds**2 - self.inv_temp * self.curvature)
        means = stds**2 * (self.law.means / self.law.stds**2 + self.inv_temp * self.slope)
        exponents = (means / stds) ** 2 / 2.0 - (self.law.means / self.law.stds) ** 2 / 2.0
        weights = self.law.weights * stds / self.law.stds * np.exp(exponents - exponents.max())
        return Mixture(weights / weights.sum(), means, stds)
