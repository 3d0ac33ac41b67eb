"""Random smooth networks as data, so that every backend evaluates the very same field, critic or average field."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .backends import Array, Backend

Weights = Mapping[str, Any]


class MLPField:
    """A tanh network with one hidden layer and a gated second one, its weights drawn from a seed.

    One set of weights serves as field (x, t), as average field (x, t, r) and, through `critic`, as an ensemble.
    Only operations that accept complex input are used, for the reference's complex step.
    """

    def __init__(self, seed: int, action: int, hidden: int = 8, scale: float = 1.0) -> None:
        rng = np.random.default_rng(seed)
        self.seed, self.action, self.hidden, self.scale = seed, action, hidden, scale
        self.weights: dict[str, np.ndarray] = {
            "first": scale * rng.standard_normal((action, hidden)) / np.sqrt(action),
            "time": scale * rng.standard_normal(hidden),
            "end": scale * rng.standard_normal(hidden),
            "bias": scale * rng.standard_normal(hidden),
            "second": scale * rng.standard_normal((hidden, hidden)) / np.sqrt(hidden),
            "last": scale * rng.standard_normal((hidden, action)) / np.sqrt(hidden),
        }

    def field(self, backend: Backend, dtype: str = "float64") -> Callable[[Array, Array], Array]:
        """The velocity `field(x, t)` on arrays of `backend`."""
        xp, weights = backend.xp, on(backend, self.weights, dtype)
        return lambda x, t: velocity(xp, weights, x, t)

    def average_field(self, backend: Backend, dtype: str = "float64") -> Callable[[Array, Array, Array], Array]:
        """The average velocity `u(x, t, r)` on arrays of `backend`."""
        xp, weights = backend.xp, on(backend, self.weights, dtype)
        return lambda x, t, r: average_velocity(xp, weights, x, t, r)

    def critic_weights(self, members: int) -> dict[str, np.ndarray]:
        """Weights of an ensemble of `members` critics, stacked along a leading axis."""
        rng = np.random.default_rng((self.seed, members))
        return {
            "first": self.scale * rng.standard_normal((members, self.action, self.hidden)) / np.sqrt(self.action),
            "bias": self.scale * rng.standard_normal((members, self.hidden)),
            "last": self.scale * rng.standard_normal((members, self.hidden)) / np.sqrt(self.hidden),
        }

    def critic(self, backend: Backend, members: int, dtype: str = "float64") -> Callable[[Array], Array]:
        """The ensemble `critic(a) -> (members, ...)` on arrays of `backend`."""
        weights = on(backend, self.critic_weights(members), dtype)
        xp = backend.xp
        return lambda a: values(xp, weights, a)


def on(backend: Backend, weights: Weights, dtype: str) -> dict[str, Array]:
    """The weights as arrays of `backend`."""
    return {name: backend.array(value, dtype) for name, value in weights.items()}


def velocity(xp: Any, weights: Weights, x: Array, t: Array) -> Array:
    """`tanh(tanh(x W + t w + b) V) L`, shaped like x; t is a number or (..., 1)."""
    hidden = xp.tanh(x @ weights["first"] + t * weights["time"] + weights["bias"])
    return xp.tanh(hidden @ weights["second"]) @ weights["last"]


def average_velocity(xp: Any, weights: Weights, x: Array, t: Array, r: Array) -> Array:
    """`velocity` with a second time."""
    hidden = xp.tanh(x @ weights["first"] + t * weights["time"] + r * weights["end"] + weights["bias"])
    return xp.tanh(hidden @ weights["second"]) @ weights["last"]


def values(xp: Any, weights: Weights, a: Array) -> Array:
    """An ensemble of critics: actions (..., A) to values (K, ...)."""
    members = weights["bias"].shape[0]
    each = [
        xp.tanh(a @ weights["first"][k, ...] + weights["bias"][k, ...]) @ weights["last"][k, ...]
        for k in range(members)
    ]
    return xp.stack(each, axis=0)


def mean_member(xp: Any, weights: Weights, q: Array) -> Array:
    """An aggregate that weighs members: `Σ_k w_k q_k`, w of shape (K,)."""
    total = q[0, ...] * weights["member"][0]
    for k in range(1, q.shape[0]):
        total = total + q[k, ...] * weights["member"][k]
    return total
