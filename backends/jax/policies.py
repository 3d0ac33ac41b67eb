"""Gaussian policies and the temperature of maximum-entropy methods."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from ...core.contract import kernel
from .routing import Scalar, arrays, constant, frozen

LOG_2PI = math.log(2 * math.pi)


@kernel
def tanh_normal(mean: Array, log_std: Array, noise: Array) -> tuple[Array, Array]:
    """u = mean + exp(log_std) noise, a = tanh u, log p = Σ [log N(u) - log(1 - tanh² u)]."""
    mean, log_std, noise = arrays(mean, log_std, noise)
    u = mean + jnp.exp(log_std) * noise
    log_normal = -(jnp.square(noise) + LOG_2PI) / 2 - log_std
    # 1 - tanh² u underflows from |u| = 9 on in float32; its logarithm written with softplus never does.
    log_slope = 2 * (math.log(2) - u - jax.nn.softplus(-2 * u))
    return jnp.tanh(u), jnp.sum(log_normal - log_slope, axis=-1)


@kernel
def gaussian_log_prob(x: Array, mean: Array, log_std: Array) -> Array:
    """-½ Σ [((x-mean)/std)² + 2 log_std + log 2π]."""
    x, mean, log_std = arrays(x, mean, log_std)
    z = (x - mean) * jnp.exp(-log_std)
    return -jnp.sum(jnp.square(z) + 2 * log_std + LOG_2PI, axis=-1) / 2


@kernel
def entropy_temperature_loss(log_temp: Scalar, log_prob: Array, target_entropy: Scalar) -> Array:
    """exp(log_temp) (-log_prob - target_entropy), per sample; gradient to `log_temp` alone."""
    (log_prob,) = frozen(log_prob)
    temperature = jnp.exp(jnp.asarray(log_temp, log_prob.dtype))
    return temperature * (-log_prob - constant(target_entropy, log_prob))
