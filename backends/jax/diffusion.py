"""Steps and samplers of the variance-preserving diffusion and of TrigFlow. Steps run from T (noise) to 1."""

import math
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .callables import Field, velocity_at
from .routing import Scalar, arrays, frozen
from .schedules import schedule

Step = Callable[[Array, Array, Array, Array, Array, Array], Array]


@kernel
def vp_denoise(epsilon: Array, x: Array, alpha_bar: Array) -> Array:
    """x̂ = (x - √(1-ᾱ) ε)/√ᾱ."""
    epsilon, x = arrays(epsilon, x)
    (alpha_bar,) = frozen(alpha_bar)
    return _denoise(epsilon, x, alpha_bar)


def _denoise(epsilon: Array, x: Array, alpha_bar: Array) -> Array:
    return (x - jnp.sqrt(1 - alpha_bar) * epsilon) / jnp.sqrt(alpha_bar)


@kernel
def ddpm_mean(denoised: Array, x: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """[√ᾱ_{i-1} β_i x̂ + √(1-β_i) (1-ᾱ_{i-1}) x]/(1-ᾱ_i); `alpha_bar_next` is ᾱ_{i-1}."""
    denoised, x = arrays(denoised, x)
    return _mean(denoised, x, *frozen(beta, alpha_bar, alpha_bar_next))


def _mean(denoised: Array, x: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    to_data = jnp.sqrt(alpha_bar_next) * beta
    to_x = jnp.sqrt(1 - beta) * (1 - alpha_bar_next)
    return (to_data * denoised + to_x * x) / (1 - alpha_bar)


@kernel
def ddpm_step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """`ddpm_mean` + √β_i noise."""
    denoised, x, noise = arrays(denoised, x, noise)
    return _step(denoised, x, noise, *frozen(beta, alpha_bar, alpha_bar_next))


def _step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    return _mean(denoised, x, beta, alpha_bar, alpha_bar_next) + jnp.sqrt(beta) * noise


@kernel
def ddpm_posterior_step(
    denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array
) -> Array:
    """`ddpm_mean` + √(β_i (1-ᾱ_{i-1})/(1-ᾱ_i)) noise."""
    denoised, x, noise = arrays(denoised, x, noise)
    return _posterior_step(denoised, x, noise, *frozen(beta, alpha_bar, alpha_bar_next))


def _posterior_step(
    denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array
) -> Array:
    variance = beta * (1 - alpha_bar_next) / (1 - alpha_bar)
    return _mean(denoised, x, beta, alpha_bar, alpha_bar_next) + jnp.sqrt(variance) * noise


@kernel
def ddim_step(denoised: Array, x: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """√ᾱ' x̂ + √(1-ᾱ') (x - √ᾱ x̂)/√(1-ᾱ)."""
    denoised, x = arrays(denoised, x)
    return _ddim_step(denoised, x, *frozen(alpha_bar, alpha_bar_next))


def _ddim_step(denoised: Array, x: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    epsilon = (x - jnp.sqrt(alpha_bar) * denoised) / jnp.sqrt(1 - alpha_bar)
    return jnp.sqrt(alpha_bar_next) * denoised + jnp.sqrt(1 - alpha_bar_next) * epsilon


@kernel
def dac_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1), x ← ddpm_step(x̂, x, noise_i, ...), no noise at i = 1."""

    def step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
        return _step(jnp.clip(denoised, -1, 1), x, noise, beta, alpha_bar, alpha_bar_next)

    return _sample("dac_sample", step, noise_field, x, noises, b_min, b_max)


@kernel
def qsm_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """x ← clip(vp_denoise(ε(x, i), x, ᾱ_i) + √β_i noise_i, -1, 1), no noise at i = 1."""

    def step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
        return jnp.clip(denoised + jnp.sqrt(beta) * noise, -1, 1)

    return _sample("qsm_sample", step, noise_field, x, noises, b_min, b_max)


@kernel
def ddpm_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1), x ← ddpm_posterior_step(x̂, x, noise_i, ...), no noise at i = 1."""

    def step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
        return _posterior_step(jnp.clip(denoised, -1, 1), x, noise, beta, alpha_bar, alpha_bar_next)

    return _sample("ddpm_sample", step, noise_field, x, noises, b_min, b_max)


def _sample(name: str, step: Step, noise_field: Field, x: Array, noises: Array, b_min: Scalar, b_max: Scalar) -> Array:
    """Steps T..1 with noises in the order of use, the first at i = T, and zero noise at i = 1."""
    x, noises = arrays(x, noises)
    padded = jnp.concatenate([noises, jnp.zeros((1, *x.shape), x.dtype)])

    def body(x: Array, row: tuple[Array, ...]) -> tuple[Array, None]:
        i, beta, alpha_bar, alpha_bar_next, noise = row
        epsilon = velocity_at(name, "noise_field", noise_field, x, i)
        return step(_denoise(epsilon, x, alpha_bar), x, noise, beta, alpha_bar, alpha_bar_next), None

    return lax.scan(body, x, (*_descending(padded.shape[0], b_min, b_max, x), padded))[0]


def _descending(steps: int, b_min: Scalar, b_max: Scalar, x: Array) -> tuple[Array, Array, Array, Array]:
    """i, β_i, ᾱ_i and ᾱ_{i-1} for i = steps..1, with ᾱ_0 = 1."""
    beta, _, alpha_bar = schedule(steps, b_min, b_max, x)
    alpha_bar_next = jnp.concatenate([jnp.ones(1, x.dtype), alpha_bar[:-1]])
    i = jnp.arange(1, steps + 1, dtype=x.dtype)
    return i[::-1], beta[::-1], alpha_bar[::-1], alpha_bar_next[::-1]


@kernel
def ddim_sample(noise_field: Field, x: Array, steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """x ← ddim_step(vp_denoise(ε(x, i), x, ᾱ_i), x, ᾱ_i, ᾱ_{i-1}), i = steps..1, ᾱ_0 = 1, unclipped."""
    (x,) = arrays(x)

    def body(x: Array, row: tuple[Array, ...]) -> tuple[Array, None]:
        i, _, alpha_bar, alpha_bar_next = row
        epsilon = velocity_at("ddim_sample", "noise_field", noise_field, x, i)
        return _ddim_step(_denoise(epsilon, x, alpha_bar), x, alpha_bar, alpha_bar_next), None

    return lax.scan(body, x, _descending(steps, b_min, b_max, x))[0]


@kernel
def trigflow_sample(field: Field, x0: Array, steps: int) -> Array:
    """x ← cos(d) x - sin(d) F(x, k d), k = steps..1, d = π/(2 steps)."""
    (x0,) = arrays(x0)
    d = math.pi / (2 * steps)

    def step(x: Array, k: Array) -> tuple[Array, None]:
        F = velocity_at("trigflow_sample", "field", field, x, k * d)
        return math.cos(d) * x - math.sin(d) * F, None

    return lax.scan(step, x0, jnp.arange(steps, 0, -1, dtype=x0.dtype))[0]
