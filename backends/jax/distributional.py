"""Distributional values carried by a flow over returns, and selection by soft values (EVOR)."""

import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .callables import Field, velocity
from .routing import Scalar, arrays, constant, frozen


@kernel
def flow_td_target(reward: Array, discount: Array, s_next: Array) -> Array:
    """r + g s_next; no gradient to anything."""
    reward, discount, s_next = frozen(reward, discount, s_next)
    return reward + discount * s_next


@kernel
def bellman_flow_target(reward: Array, discount: Array, z_t: Array, t: Array, next_field: Field) -> Array:
    """The velocity of Z = r + g Z' through that of Z'; no gradient to anything.

    k = 1-t+t g, y = (z_t - t r)/k, w = t g/k; target = r + (g-1) y + (g/k) next_field(y, w); r - z0 at g = 0.
    """
    reward, discount, z_t, t = frozen(reward, discount, z_t, t)
    k = 1 - t + t * discount
    y = (z_t - t * reward) / k
    v = velocity("bellman_flow_target", "next_field", next_field, y, t * discount / k)
    return lax.stop_gradient(reward + (discount - 1) * y + discount / k * v)


@kernel
def logsumexp_q(returns: Array, temperature: Scalar, axis: int = 0) -> Array:
    """temperature · log mean exp(returns/temperature) along `axis`, safe for returns of any size."""
    (returns,) = arrays(returns)
    temperature = constant(temperature, returns)
    largest = lax.stop_gradient(jnp.max(returns, axis=axis, keepdims=True))
    # expm1 and log1p keep a high temperature, whose exponents are all near zero, from losing its digits.
    mean = jnp.mean(jnp.expm1((returns - largest) / temperature), axis=axis)
    # XLA's float64 log1p on CPUs is off by up to 240 roundings between -0.5 and -0.29 (jaxlib 0.10.2), log is not.
    log = jnp.where(mean < -0.25, jnp.log(1 + mean), jnp.log1p(mean))
    return jnp.squeeze(largest, axis=axis) + temperature * log


@kernel
def softmax_select(q: Array, temperature: Scalar, gumbel: Array) -> Array:
    """argmax_n (q_n + temperature · gumbel_n): an index drawn from softmax(q/temperature) over axis 0."""
    q, gumbel = frozen(q, gumbel)
    return jnp.argmax(q + constant(temperature, q) * gumbel, axis=0)


@kernel
def best_of_n(candidates: Array, q: Array) -> Array:
    """candidates[argmax_n q_n], the first of equals; gradient to the candidates."""
    (candidates,) = arrays(candidates)
    (q,) = frozen(q)
    index = jnp.argmax(q, axis=0)[None, ..., None]
    return jnp.take_along_axis(candidates, index, axis=0)[0]
