"""Numbers behind the errata of RQL."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from ... import reference as K
from .numbers_qam import gaussian, one
from .row import Measured


def there_and_back(std: float = 0.5, steps: float = 10) -> Measured:
    """Share of an action's offset from the mean that is left after reversing the flow and flowing again."""
    T = round(steps)
    field = gaussian(std).velocity(np)
    explicit = K.euler(field, K.reverse_euler(field, one(1.0), one(0.0), T), T)
    exact = K.euler(field, K.invert_euler(field, one(1.0), T, 200)[0], T)
    sharp = gaussian(0.1).velocity(np)
    left = K.euler(sharp, K.reverse_euler(sharp, one(1.0), one(0.0), T), T)
    return Measured(1.0, float(explicit[0, 0]), float(exact[0, 0]), {"sharp": float(left[0, 0])})


def onward(std: float, x: np.ndarray, k: int, T: int) -> float:
    """The rest of the policy's Euler flow from its k-th state."""
    field = gaussian(std).velocity(np)
    for i in range(k, T):
        x = x + field(x, one(i / T)) / T
    return float(x[0, 0])


def spread_of_ends(std: float = 0.5, steps: float = 10) -> Measured:
    """Spread of the actions to which the states of one virtual trajectory lead: zero if it were the policy's own."""
    T = round(steps)
    field = gaussian(std).velocity(np)
    explicit = [
        onward(std, K.reverse_euler(field, one(1.0), one(k / T), T - k) if k < T else one(1.0), k, T)
        for k in range(T + 1)
    ]
    start, _ = K.invert_euler(field, one(1.0), T, 200)
    path = K.euler_path(field, start, T)
    exact = [onward(std, path[k], k, T) for k in range(T + 1)]
    return Measured(0.0, max(explicit) - min(explicit), max(exact) - min(exact))


def fresh_noise(mean: float = 0.5, std: float = 0.5) -> Measured:
    """Variance over z' of the target r + V(s', z', 0) when V is the value -a² of the action that z' flows to."""
    z = (np.arange(200000) + 0.5) / 200000
    a = gaussian(std, mean).flow(ndtri(z)[:, None], 0.0, 1.0)
    # Var of -(m + s z)² is 2 s⁴ + 4 m² s²
    return Measured(2 * std**4 + 4 * mean**2 * std**2, 0.0, float(np.var(-(a**2))))


def trajectory_sampling(short: float = 10, long: float = 1000) -> Measured:
    """Probability that a drawn transition belongs to the short one of two trajectories."""
    lengths = np.array([round(short), round(long)])
    transitions = np.repeat([0, 1], lengths)
    return Measured(float(lengths[0] / lengths.sum()), 0.5, float(np.mean(transitions == 0)))


def expectile_of_chance(kappa: float = 0.9) -> Measured:
    """Value of a state with one action and rewards ±1 by a fair coin."""

    def stationary(v: float) -> float:
        losses = [K.expectile_loss(np.array([y - v + d]), kappa)[0] for y in (-1.0, 1.0) for d in (1e-6, -1e-6)]
        return float(losses[0] - losses[1] + losses[2] - losses[3])

    def half(v: float) -> float:
        losses = [K.expectile_loss(np.array([y - v + d]), 0.5)[0] for y in (-1.0, 1.0) for d in (1e-6, -1e-6)]
        return float(losses[0] - losses[1] + losses[2] - losses[3])

    return Measured(0.0, float(brentq(stationary, -1, 1)), float(brentq(half, -1, 1)))
