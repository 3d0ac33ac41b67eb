"""Guidance by the critic's gradient, and the regression targets of QSM and DAC."""

import jax.numpy as jnp
from jax import Array

from ...core.contract import kernel
from .routing import Scalar, arrays, constant, frozen


@kernel
def guided_velocity(v_base: Array, grad: Array, x: Array, t: Array, inv_temp: Scalar, weight: Scalar) -> Array:
    """v_base + weight ((1-t) inv_temp grad + x)/t for t > 0; v_base at t = 0."""
    v_base, grad, x = arrays(v_base, grad, x)
    (t,) = frozen(t)
    inside = t > 0
    tilt = ((1 - t) * constant(inv_temp, x) * grad + x) / jnp.where(inside, t, 1)
    return jnp.where(inside, v_base + constant(weight, x) * tilt, v_base)


@kernel
def linex_loss(q: Array, target: Array, inv_temp: Scalar, maximum: Scalar = 5.0) -> Array:
    """Δ = inv_temp (target - q); exp(Δ) + inv_temp q if Δ ≤ maximum, else Δ; gradient to `q` alone."""
    (q,) = arrays(q)
    (target,) = frozen(target)
    inv_temp = constant(inv_temp, q)
    delta = inv_temp * (target - q)
    inside = delta <= constant(maximum, q)
    # The exponent is replaced before exp, not after: a branch not taken still sends its gradient.
    return jnp.where(inside, jnp.exp(jnp.where(inside, delta, 0)) + inv_temp * q, delta)


@kernel
def qsm_target(grad: Array, inv_temp: Scalar) -> Array:
    """-inv_temp grad; no gradient to anything."""
    (grad,) = frozen(grad)
    return -constant(inv_temp, grad) * grad


@kernel
def dac_target(noise: Array, grad: Array, alpha_bar: Array, eta: Scalar) -> Array:
    """noise - √(1-ᾱ) grad/(2 eta); no gradient to anything."""
    noise, grad, alpha_bar = frozen(noise, grad, alpha_bar)
    return noise - jnp.sqrt(1 - alpha_bar) * grad / (2 * constant(eta, grad))
