"""One-dimensional Gaussian mixtures along the straight path: the exact velocity of any law of returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mixture:
    """The law Σ_j w_j N(m_j, s_j²); a component of standard deviation 0 is a point mass.

    Along x_t = (1-t) x0 + t x1, x0 ~ N(0, 1), component j becomes N(t m_j, c_j) with c_j = (1-t)² + t² s_j² and
    velocity m_j + (t s_j² - (1-t))/c_j (x - t m_j); the mixture's velocity weighs these by the posterior of j.
    """

    weights: np.ndarray
    means: np.ndarray
    stds: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, components: int) -> "Mixture":
        """Means in [-2, 2], standard deviations in [0.3, 1.5], weights of at least a tenth of the largest."""
        weights = rng.uniform(0.1, 1.0, components)
        means = rng.uniform(-2.0, 2.0, components)
        return cls(weights / weights.sum(), means, rng.uniform(0.3, 1.5, components))

    def affine(self, shift: float, scale: float) -> "Mixture":
        """The law of shift + scale · Z."""
        return Mixture(self.weights, shift + scale * self.means, scale * self.stds)

    def joined(self, other: "Mixture", probability: float) -> "Mixture":
        """This law with `probability`, else the other."""
        weights = np.concatenate([probability * self.weights, (1.0 - probability) * other.weights])
        return Mixture(
            weights,
            np.concatenate([self.means, other.means]),
            np.concatenate([self.stds, other.stds]),
        )

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent draws of the given shape."""
        component = rng.choice(len(self.weights), size=shape, p=self.weights)
        return self.means[component] + self.stds[component] * rng.standard_normal(shape)

    def density(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Density of x_t at `x`, both (..., 1) -> (..., 1)."""
        variance = (1.0 - t) ** 2 + (t * self.stds) ** 2
        bells = np.exp(-((x - t * self.means) ** 2) / (2.0 * variance)) / np.sqrt(2.0 * np.pi * variance)
        density: np.ndarray = np.sum(self.weights * bells, axis=-1, keepdims=True)
        return density

    def velocity(self, array: Callable[[np.ndarray], Any], xp: Any) -> Callable[[Any, Any], Any]:
        """The exact velocity field (x, t), both (..., 1), on the arrays of `xp` made by `array`."""
        log_weights, means, stds = array(np.log(self.weights)), array(self.means), array(self.stds)

        def field(x: Any, t: Any) -> Any:
            variance = (1.0 - t) ** 2 + (t * stds) ** 2
            logits = log_weights - (x - t * means) ** 2 / (2.0 * variance) - 0.5 * xp.log(variance)
            posterior = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
            posterior = posterior / xp.sum(posterior, axis=-1, keepdims=True)
            slope = (t * stds**2 - (1.0 - t)) / variance
            return xp.sum(posterior * (means + slope * (x - t * means)), axis=-1, keepdims=True)

        return field
