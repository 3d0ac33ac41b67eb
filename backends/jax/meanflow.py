"""MeanFlow in library time: u(x, t, r), t ≤ r, is the average velocity from t to r."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .callables import AverageField, average_velocity, filled
from .routing import arrays, frozen


@kernel
def meanflow_target(u: AverageField, x_t: Array, v: Array, t: Array, r: Array) -> Array:
    """v + (r-t) D u, D u the derivative of u at (x_t, t, r) along (v, 1, 0); no gradient to anything."""
    x_t, v, t, r = frozen(x_t, v, t, r)
    _, slope = jax.jvp(
        lambda x, time: average_velocity("meanflow_target", u, x, time, r), (x_t, t), (v, jnp.ones_like(t))
    )
    target: Array = v + (r - t) * slope
    return lax.stop_gradient(target)


@kernel
def meanflow_sample(u: AverageField, x0: Array) -> Array:
    """Data from noise in one step: x1 = x0 + u(x0, 0, 1)."""
    (x0,) = arrays(x0)
    return x0 + average_velocity("meanflow_sample", u, x0, filled(x0, 0), filled(x0, 1))
