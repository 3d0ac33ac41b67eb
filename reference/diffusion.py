"""Steps of the variance-preserving diffusion. Step indices run from T (noise) to 1."""

import math
from collections.abc import Callable

import numpy as np

from .precision import Array, empty, in_float64


@in_float64
def vp_denoise(epsilon: Array, x: Array, alpha_bar: Array) -> Array:
    """Data estimate of a noise prediction.

        x̂ = (x - √(1-ᾱ) ε)/√ᾱ

    Args:
        epsilon: predicted noise `(..., A)`.
        x: point of the diffusion `(..., A)`.
        alpha_bar: in (0, 1], `(..., 1)`; no gradient.

    Returns:
        denoised `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 55, corrected (docs/errata.md).
    """
    return entrywise(denoise_entry, (epsilon, x), (alpha_bar,))


@in_float64
def ddpm_mean(denoised: Array, x: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """Mean of x_{i-1} given x_i and the data estimate.

        [√ᾱ_{i-1} β_i x̂ + √(1-β_i) (1-ᾱ_{i-1}) x]/(1-ᾱ_i)

    Args:
        denoised: data estimate x̂ `(..., A)`.
        x: x_i `(..., A)`.
        beta: β_i `(..., 1)`; no gradient, nor to the next two.
        alpha_bar: ᾱ_i `(..., 1)`.
        alpha_bar_next: ᾱ_{i-1} `(..., 1)`.

    Returns:
        mean `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 56 (misprint corrected); Ho et al. 2020 eq. 7.
    """
    return entrywise(mean_entry, (denoised, x), (beta, alpha_bar, alpha_bar_next))


@in_float64
def ddpm_step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """One ancestral step with variance β_i, as QAM's QSM and DAC take it.

        ddpm_mean + √β_i noise

    Args:
        denoised: data estimate x̂ `(..., A)`.
        x: x_i `(..., A)`.
        noise: standard normal `(..., A)`.
        beta: β_i `(..., 1)`; no gradient, nor to the next two.
        alpha_bar: ᾱ_i `(..., 1)`.
        alpha_bar_next: ᾱ_{i-1} `(..., 1)`.

    Returns:
        x_next `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 56.
    """
    return entrywise(step_entry, (denoised, x, noise), (beta, alpha_bar, alpha_bar_next))


@in_float64
def ddpm_posterior_step(
    denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array
) -> Array:
    """One ancestral step with the exact conditional variance, as DQL takes it.

        ddpm_mean + √(β_i (1-ᾱ_{i-1})/(1-ᾱ_i)) noise

    Args:
        denoised: data estimate x̂ `(..., A)`.
        x: x_i `(..., A)`.
        noise: standard normal `(..., A)`.
        beta: β_i `(..., 1)`; no gradient, nor to the next two.
        alpha_bar: ᾱ_i `(..., 1)`.
        alpha_bar_next: ᾱ_{i-1} `(..., 1)`.

    Returns:
        x_next `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: Ho et al. 2020 eq. 7; DQL.
    """
    return entrywise(posterior_entry, (denoised, x, noise), (beta, alpha_bar, alpha_bar_next))


@in_float64
def ddim_step(denoised: Array, x: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """One deterministic step to another noise level.

        √ᾱ' x̂ + √(1-ᾱ') (x - √ᾱ x̂)/√(1-ᾱ)

    Args:
        denoised: data estimate x̂ `(..., A)`.
        x: x at level ᾱ `(..., A)`.
        alpha_bar: ᾱ in [0, 1), `(..., 1)`; no gradient.
        alpha_bar_next: ᾱ' `(..., 1)`; no gradient.

    Returns:
        x_next `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: Song et al. 2020 eq. 12 with σ = 0.
    """
    return entrywise(ddim_entry, (denoised, x), (alpha_bar, alpha_bar_next))


def entrywise(formula: Callable[..., complex], entries: tuple[Array, ...], levels: tuple[Array, ...]) -> Array:
    """A formula for one coordinate of one sample, on all of them.

    Args:
        formula: takes one number of each of `entries`, then one of each of `levels`.
        entries: arrays `(..., A)`.
        levels: arrays `(..., 1)`, real.
    """
    result = empty(entries[0].shape, *entries)
    for *sample, d in np.ndindex(result.shape):
        numbers = [entry[(*sample, d)] for entry in entries]
        result[(*sample, d)] = formula(*numbers, *(float(level[(*sample, 0)]) for level in levels))
    return result


def denoise_entry(epsilon: complex, x: complex, alpha_bar: float) -> complex:
    """`vp_denoise` of one coordinate."""
    # x = √ᾱ x̂ + √(1-ᾱ) ε, solved for x̂
    return (x - math.sqrt(1.0 - alpha_bar) * epsilon) / math.sqrt(alpha_bar)


def mean_entry(denoised: complex, x: complex, beta: float, alpha_bar: float, alpha_bar_next: float) -> complex:
    """`ddpm_mean` of one coordinate."""
    # [√ᾱ_{i-1} β_i x̂ + √(1-β_i) (1-ᾱ_{i-1}) x]/(1-ᾱ_i)
    of_data = math.sqrt(alpha_bar_next) * beta / (1.0 - alpha_bar)
    of_x = math.sqrt(1.0 - beta) * (1.0 - alpha_bar_next) / (1.0 - alpha_bar)
    return of_data * denoised + of_x * x


def step_entry(
    denoised: complex, x: complex, noise: complex, beta: float, alpha_bar: float, alpha_bar_next: float
) -> complex:
    """`ddpm_step` of one coordinate."""
    # mean + √β_i noise
    return mean_entry(denoised, x, beta, alpha_bar, alpha_bar_next) + math.sqrt(beta) * noise


def posterior_entry(
    denoised: complex, x: complex, noise: complex, beta: float, alpha_bar: float, alpha_bar_next: float
) -> complex:
    """`ddpm_posterior_step` of one coordinate."""
    # var(x_{i-1} | x_i, x̂) = β_i (1-ᾱ_{i-1})/(1-ᾱ_i)
    variance = beta * (1.0 - alpha_bar_next) / (1.0 - alpha_bar)
    return mean_entry(denoised, x, beta, alpha_bar, alpha_bar_next) + math.sqrt(variance) * noise


def ddim_entry(denoised: complex, x: complex, alpha_bar: float, alpha_bar_next: float) -> complex:
    """`ddim_step` of one coordinate."""
    # the noise that x̂ implies, ε = (x - √ᾱ x̂)/√(1-ᾱ), put back at the other level
    epsilon = (x - math.sqrt(alpha_bar) * denoised) / math.sqrt(1.0 - alpha_bar)
    return math.sqrt(alpha_bar_next) * denoised + math.sqrt(1.0 - alpha_bar_next) * epsilon
