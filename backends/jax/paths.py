"""Paths between noise and data, and the regression losses that live on them."""

import jax.numpy as jnp
from jax import Array

from ...core.contract import kernel
from .routing import arrays, frozen


@kernel
def linear_path(x0: Array, x1: Array, t: Array) -> tuple[Array, Array]:
    """Point and velocity of the straight path: x_t = (1-t) x0 + t x1, v = x1 - x0."""
    x0, x1, t = arrays(x0, x1, t)
    return (1 - t) * x0 + t * x1, x1 - x0


@kernel
def flow_matching_loss(v: Array, x0: Array, x1: Array) -> Array:
    """mean_dims (v - (x1 - x0))², gradient to `v` alone."""
    (v,) = arrays(v)
    x0, x1 = frozen(x0, x1)
    return jnp.mean(jnp.square(v - (x1 - x0)), axis=-1)


@kernel
def trigflow_path(x0: Array, x1: Array, angle: Array) -> tuple[Array, Array]:
    """Quarter circle from data: x_t = cos(angle) x1 + sin(angle) x0, dx = cos(angle) x0 - sin(angle) x1."""
    x0, x1, angle = arrays(x0, x1, angle)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return cos * x1 + sin * x0, cos * x0 - sin * x1


@kernel
def trigflow_denoise(F: Array, x: Array, angle: Array) -> Array:
    """Data estimate: x1 = cos(angle) x - sin(angle) F."""
    F, x, angle = arrays(F, x, angle)
    return jnp.cos(angle) * x - jnp.sin(angle) * F


@kernel
def vp_path(x1: Array, noise: Array, alpha_bar: Array) -> Array:
    """Variance-preserving point: x = √ᾱ x1 + √(1-ᾱ) noise."""
    x1, noise = arrays(x1, noise)
    (alpha_bar,) = frozen(alpha_bar)
    return jnp.sqrt(alpha_bar) * x1 + jnp.sqrt(1 - alpha_bar) * noise


@kernel
def ddpm_loss(prediction: Array, noise: Array) -> Array:
    """mean_dims (prediction - noise)², gradient to `prediction` alone."""
    (prediction,) = arrays(prediction)
    (noise,) = frozen(noise)
    return jnp.mean(jnp.square(prediction - noise), axis=-1)
