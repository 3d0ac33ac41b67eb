"""MeanFlow in library time: u(x, t, r), t ≤ r, is the average velocity from t to r."""

import numpy as np

from .derivatives import inner_jvp
from .precision import Array, AverageField, at_time, evaluate, in_float64


@in_float64
def meanflow_target(u: AverageField, x_t: Array, v: Array, t: Array, r: Array) -> Array:
    """Regression target of the average velocity; no gradient to anything.

        v + (r-t) D u,   D u = JVP of u at (x_t, t, r) along (v, 1, 0)

    Args:
        u: average velocity u(x, t, r).
        x_t: point of the path `(..., A)`.
        v: velocity of the path there `(..., A)`.
        t: start time in [0, 1], `(..., 1)`.
        r: end time in [t, 1], `(..., 1)`.

    Returns:
        target `(..., A)`.

    Raises:
        ContractError: an argument, or what u returned, outside the contract.

    Source: OFQL eqs. 13-14 (time reversed to 0 = noise).
    """

    def average(x: Array, start: Array, end: Array) -> Array:
        return evaluate("meanflow_target", "u", u, x_t.shape, x, start, end)

    # D u = ∂u/∂x · v + ∂u/∂t
    along_path = inner_jvp(average, (x_t, t, r), (v, np.ones(t.shape), np.zeros(r.shape)))
    target = np.empty(x_t.shape)
    for *sample, d in np.ndindex(x_t.shape):
        duration = r[(*sample, 0)] - t[(*sample, 0)]
        # v + (r-t) D u
        target[(*sample, d)] = v[(*sample, d)] + duration * along_path[(*sample, d)]
    return target


@in_float64
def meanflow_sample(u: AverageField, x0: Array) -> Array:
    """Data from noise in one step.

        x1 = x0 + u(x0, 0, 1)

    Args:
        u: average velocity u(x, t, r).
        x0: noise `(..., A)`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what u returned, outside the contract.

    Source: OFQL section 4 (time reversed to 0 = noise).
    """
    # x_r = x_t + (r-t) u(x_t, t, r) from t = 0 to r = 1
    return x0 + evaluate("meanflow_sample", "u", u, x0.shape, x0, at_time(x0, 0.0), at_time(x0, 1.0))
