"""Whole samplers: the steps of `diffusion` from T (noise) to 1, and TrigFlow's from angle π/2 to 0."""

import math
from collections.abc import Callable

import numpy as np

from .diffusion import ddim_entry, denoise_entry, entrywise, posterior_entry, step_entry
from .precision import Array, Field, Scalar, at_time, empty, evaluate, in_float64
from .schedules import vp_schedule

Step = Callable[..., complex]


@in_float64
def dac_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """DAC's sampler: the data estimate is clipped to [-1, 1] before each step of variance β_i; no noise at i = 1.

        x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);   x ← ddpm_step(x̂, x, noise_i, ...)

    Args:
        noise_field: predicted noise ε(x, i), the step index i = T..1 as a float in `(..., 1)`.
        x: noise `(..., A)`.
        noises: `(T-1, ..., A)`, in the order of use: the first belongs to i = T.
        b_min: see `vp_schedule`.
        b_max: see `vp_schedule`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: QAM eqs. 55-56.
    """
    return _ancestral("dac_sample", step_entry, noise_field, x, noises, b_min, b_max)


@in_float64
def ddpm_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """DQL's sampler: clipped data estimate, exact conditional variance, no noise at i = 1.

        x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);   x ← ddpm_posterior_step(x̂, x, noise_i, ...)

    Args:
        noise_field: predicted noise ε(x, i), the step index i = T..1 as a float in `(..., 1)`.
        x: noise `(..., A)`.
        noises: `(T-1, ..., A)`, in the order of use: the first belongs to i = T.
        b_min: see `vp_schedule`.
        b_max: see `vp_schedule`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: Wang et al. 2023 (DQL); Ho et al. 2020.
    """
    return _ancestral("ddpm_sample", posterior_entry, noise_field, x, noises, b_min, b_max)


def _ancestral(
    kernel_name: str, step: Step, noise_field: Field, x: Array, noises: Array, b_min: Scalar, b_max: Scalar
) -> Array:
    T = noises.shape[0] + 1
    beta, _, alpha_bar = vp_schedule(T, b_min, b_max)
    for i in range(T, 0, -1):
        level, level_next = alpha_bar[i - 1], alpha_bar[i - 2] if i > 1 else 1.0
        noise = noises[T - i] if i > 1 else np.zeros(x.shape)
        epsilon = evaluate(kernel_name, "noise_field", noise_field, x.shape, x, at_time(x, float(i)))
        # x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1)
        denoised = clipped(entrywise(denoise_entry, (epsilon, x), (at_time(x, level),)))
        # x_{i-1} from x̂ and x_i
        levels = (at_time(x, beta[i - 1]), at_time(x, level), at_time(x, level_next))
        x = entrywise(step, (denoised, x, noise), levels)
    return x


@in_float64
def qsm_sample(noise_field: Field, x: Array, noises: Array, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """QSM's sampler as released: the step's mean is the data estimate itself, and x is clipped after each step.

        x ← clip(vp_denoise(ε(x, i), x, ᾱ_i) + √β_i noise_i, -1, 1);   no noise at i = 1

    Args:
        noise_field: predicted noise ε(x, i), the step index i = T..1 as a float in `(..., 1)`.
        x: noise `(..., A)`.
        noises: `(T-1, ..., A)`, in the order of use: the first belongs to i = T.
        b_min: see `vp_schedule`.
        b_max: see `vp_schedule`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: QAM eq. 51 as released (the printed equation has the DDPM mean).
    """
    T = noises.shape[0] + 1
    beta, _, alpha_bar = vp_schedule(T, b_min, b_max)
    for i in range(T, 0, -1):
        epsilon = evaluate("qsm_sample", "noise_field", noise_field, x.shape, x, at_time(x, float(i)))
        # mean = x̂ = (x - √(1-ᾱ_i) ε)/√ᾱ_i
        mean = entrywise(denoise_entry, (epsilon, x), (at_time(x, alpha_bar[i - 1]),))
        # x ← clip(x̂ + √β_i noise_i, -1, 1)
        x = clipped(mean + math.sqrt(beta[i - 1]) * noises[T - i] if i > 1 else mean)
    return x


@in_float64
def ddim_sample(noise_field: Field, x: Array, steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Array:
    """Deterministic sampler over all steps T..1, unclipped.

        x ← ddim_step(vp_denoise(ε(x, i), x, ᾱ_i), x, ᾱ_i, ᾱ_{i-1}),   ᾱ_0 = 1

    Args:
        noise_field: predicted noise ε(x, i), the step index i = T..1 as a float in `(..., 1)`.
        x: noise `(..., A)`.
        steps: T, at least 1.
        b_min: see `vp_schedule`.
        b_max: see `vp_schedule`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: Song et al. 2020 eq. 12.
    """
    _, _, alpha_bar = vp_schedule(steps, b_min, b_max)
    levels = [1.0, *alpha_bar]
    for i in range(steps, 0, -1):
        epsilon = evaluate("ddim_sample", "noise_field", noise_field, x.shape, x, at_time(x, float(i)))
        # x̂ = (x - √(1-ᾱ_i) ε)/√ᾱ_i;  x ← √ᾱ_{i-1} x̂ + √(1-ᾱ_{i-1}) (x - √ᾱ_i x̂)/√(1-ᾱ_i)
        denoised = entrywise(denoise_entry, (epsilon, x), (at_time(x, levels[i]),))
        x = entrywise(ddim_entry, (denoised, x), (at_time(x, levels[i]), at_time(x, levels[i - 1])))
    return x


@in_float64
def trigflow_sample(field: Field, x0: Array, steps: int) -> Array:
    """TrigFlow sampler in equal angles from π/2 (noise) to 0 (data).

        x ← cos(d) x - sin(d) F(x, k d),   k = steps..1,   d = π/(2 steps)

    Args:
        field: F(x, angle), the angle in `(..., 1)`.
        x0: noise `(..., A)`.
        steps: at least 1.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: DOAL eq. 8.
    """
    d = math.pi / (2 * steps)
    x = x0
    for k in range(steps, 0, -1):
        F = evaluate("trigflow_sample", "field", field, x.shape, x, at_time(x, k * d))
        # x ← cos(d) x - sin(d) F(x, k d)
        x = math.cos(d) * x - math.sin(d) * F
    return x


def clipped(x: Array) -> Array:
    """Every entry moved into [-1, 1]; an entry that was outside carries no derivative."""
    result = empty(x.shape, x)
    for index in np.ndindex(x.shape):
        if x[index].real > 1.0:
            result[index] = 1.0
        elif x[index].real < -1.0:
            result[index] = -1.0
        else:
            result[index] = x[index]
    return result
