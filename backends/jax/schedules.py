"""Noise schedules and distributions of flow times."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from ...core.contract import kernel
from .routing import Scalar, constant, frozen


@kernel
def vp_schedule(steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> tuple[Array, Array, Array]:
    """Entry i-1 belongs to step i: β_i = 1 - exp(-b_min/T - (b_max-b_min)(2i-1)/(2T²)), α = 1-β, ᾱ_i = Π_{j≤i} α_j."""
    dtypes = [number.dtype for number in (b_min, b_max) if hasattr(number, "dtype")]
    dtype = jnp.result_type(*dtypes) if dtypes else jnp.result_type(float)
    return schedule(steps, b_min, b_max, jnp.zeros((), dtype))


def schedule(steps: int, b_min: Scalar, b_max: Scalar, like: Array) -> tuple[Array, Array, Array]:
    """`vp_schedule` in the dtype of `like`.

    The exponents telescope: Σ_{j≤i} of them is s b_min + s² (b_max-b_min)/2 with s = i/T, so ᾱ needs no product.
    """
    low, high = constant(b_min, like), constant(b_max, like)
    i = jnp.arange(1, steps + 1, dtype=like.dtype)
    rate = low / steps + (high - low) * (2 * i - 1) / (2 * steps * steps)
    s = i / steps
    return -jnp.expm1(-rate), jnp.exp(-rate), jnp.exp(-(low * s + (high - low) * jnp.square(s) / 2))


@kernel
def memoryless_sigma(t: Array, h: Scalar) -> Array:
    """Noise scale of the memoryless SDE, shifted by one step: σ(t) = √(2 (1-t+h)/(t+h))."""
    (t,) = frozen(t)
    return sigma(t, constant(h, t))


def sigma(t: Array, h: Scalar) -> Array:
    """`memoryless_sigma` without checks, for the steps of a recursion."""
    return jnp.sqrt(2 * (1 - t + h) / (t + h))


@kernel
def logit_normal(normals: Array, mean: Scalar = -0.4, std: Scalar = 1.0) -> Array:
    """Logit-normal times: sigmoid(mean + std · normals)."""
    (normals,) = frozen(normals)
    return jax.nn.sigmoid(constant(mean, normals) + constant(std, normals) * normals)


@kernel
def meanflow_times(a: Array, b: Array, same: Scalar) -> tuple[Array, Array]:
    """t = 1 - max(a, b), r = 1 - min(a, b), and r = t on the first ⌊same · B⌋ rows."""
    a, b = frozen(a, b)
    t, r = 1 - jnp.maximum(a, b), 1 - jnp.minimum(a, b)
    rows = jnp.arange(a.shape[0])[:, None]
    return t, jnp.where(rows < _leading(same, a), t, r)


def _leading(same: Scalar, a: Array) -> Array | int:
    batch = a.shape[0]
    if isinstance(same, (int, float)):
        return math.floor(same * batch + 1e-9)
    # A float32 `same` carries its own rounding, B times as large in the product.
    one = jnp.ones((), a.dtype)
    slack = 1e-9 + 2 * batch * (jnp.nextafter(one, 2 * one) - one)
    return jnp.floor(constant(same, a) * batch + slack)
