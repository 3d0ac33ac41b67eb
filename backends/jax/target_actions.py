"""DOAL: regress towards an action moved along the critic's gradient."""

import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import check_returned, kernel
from .callables import Aggregate, Critic, pullback, values
from .routing import Scalar, constant, frozen


@kernel
def action_gradient(critic: Critic, a: Array, aggregate: Aggregate) -> Array:
    """∇_a aggregate(critic(a)) at each action; no gradient to anything."""
    (a,) = frozen(a)

    def value(a: Array) -> Array:
        q = aggregate(values("action_gradient", critic, a))
        check_returned("action_gradient", "aggregate", q, a.shape[:-1])
        return q.astype(a.dtype)

    return lax.stop_gradient(pullback(value, a, jnp.ones(a.shape[:-1], a.dtype)))


@kernel
def batch_normalized_target(a: Array, grad: Array, delta: Scalar) -> Array:
    """a + delta · grad / mean_batch ‖grad‖₂; an all-zero gradient returns `a`. No gradient to anything."""
    a, grad = frozen(a, grad)
    # Scaled by the largest entry first, squares neither overflow nor underflow.
    direction = grad / _nonzero(jnp.max(jnp.abs(grad)))
    mean_norm = jnp.mean(jnp.linalg.norm(direction, axis=-1))
    return a + constant(delta, a) * (direction / _nonzero(mean_norm))


def _nonzero(scale: Array) -> Array:
    return jnp.where(scale == 0, 1, scale)
