"""Flows whose velocity, map, average velocity and lean adjoint are known exactly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = Any
Field = Callable[[Array, Array], Array]
AverageField = Callable[[Array, Array, Array], Array]


def constant(xp: Any, value: Array, like: Array) -> Array:
    """A NumPy `value` as an array of namespace `xp` with the dtype, and in torch the device, of `like`."""
    if not isinstance(value, np.ndarray):
        return value
    placed = xp.asarray(value, dtype=like.dtype)
    # A JAX tracer has no device to ask for; NumPy and JAX place constants by themselves.
    return placed.to(like.device) if hasattr(placed, "to") and hasattr(placed, "requires_grad") else placed


@dataclass(frozen=True)
class GaussianFlow:
    """The flow from N(0, 1) to data with independent entries N(mean, std²).

    x_t = (1-t) x0 + t x1 has law N(t m, c(t)),  c(t) = (1-t)² + t² s²

    Args:
        mean: data mean m, shape (A,): NumPy, or arrays of the namespace it is used with.
        std: data standard deviation s > 0, shape (A,), likewise.
    """

    mean: Array
    std: Array

    def variance(self, t: Any) -> Any:
        """Variance c(t) of x_t, shape (..., A) for times (..., 1) on NumPy."""
        return (1 - t) ** 2 + t**2 * self.std**2

    def velocity(self, xp: Any) -> Field:
        """Marginal velocity v(x, t) = m + (t s² - (1-t))/c(t) (x - t m), on arrays of namespace `xp`."""

        def field(x: Array, t: Array) -> Array:
            m, s = constant(xp, self.mean, x), constant(xp, self.std, x)
            variance = (1 - t) ** 2 + t**2 * s**2
            return m + (t * s**2 - (1 - t)) / variance * (x - t * m)

        return field

    def flow(self, x: Any, t: Any, r: Any, xp: Any = np) -> Any:
        """Exact map of the ODE from time t to r: x_r = r m + √(c(r)/c(t)) (x - t m)."""
        return x + (r - t) * self.average_velocity(xp)(x, t, r)

    def average_velocity(self, xp: Any) -> AverageField:
        """Average velocity u(x, t, r) = (x_r - x)/(r-t), written so that r = t is no special case.

        u = m + ((r+t)(1+s²) - 2) / (c(t) + √(c(r) c(t))) (x - t m)
        """

        def field(x: Array, t: Array, r: Array) -> Array:
            m, s = constant(xp, self.mean, x), constant(xp, self.std, x)
            now = (1 - t) ** 2 + t**2 * s**2
            then = (1 - r) ** 2 + r**2 * s**2
            slope = ((r + t) * (1 + s**2) - 2) / (now + xp.sqrt(then * now))
            return m + slope * (x - t * m)

        return field

    def lean_adjoint(self, t: Any, terminal: Any) -> Any:
        """Solution g(t) = terminal s² t/c(t) of ġ = -(2 ∂v/∂x - 1/t)ᵀ g, g(1) = terminal, on NumPy."""
        return terminal * self.std**2 * t / self.variance(t)

    def tilted(self, direction: npt.NDArray[np.float64]) -> "GaussianFlow":
        """The flow to p(x) exp(direction·x): the mean moves by s² direction, the std stays."""
        return GaussianFlow(self.mean + self.std**2 * direction, self.std)
