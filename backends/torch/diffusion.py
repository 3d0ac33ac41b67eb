"""Steps and samplers of the variance-preserving diffusion and of TrigFlow. Step indices run from T (noise) to 1."""

import math

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Field, Scalar, velocity
from .schedules import vp_schedule_like


@kernel
def vp_denoise(epsilon: Tensor, x: Tensor, alpha_bar: Tensor) -> Tensor:
    """Data estimate of a noise prediction.

    x̂ = (x - √(1-ᾱ) ε)/√ᾱ

    Args:
        epsilon: predicted noise (..., A).
        x: noisy point (..., A).
        alpha_bar: in (0, 1], (..., 1); no gradient.

    Returns:
        Data estimate (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eq. 55, corrected (docs/errata.md).
    """
    return _denoise(epsilon, x, alpha_bar.detach())


def _denoise(epsilon: Tensor, x: Tensor, alpha_bar: Tensor) -> Tensor:
    return (x - (1 - alpha_bar).sqrt() * epsilon) / alpha_bar.sqrt()


@kernel
def ddpm_mean(denoised: Tensor, x: Tensor, beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    """Mean of x_{i-1} given x_i and the data estimate.

    [√ᾱ_{i-1} β_i x̂ + √(1-β_i) (1-ᾱ_{i-1}) x]/(1-ᾱ_i)

    Args:
        denoised: data estimate (..., A).
        x: x_i (..., A).
        beta: β_i (..., 1); no gradient.
        alpha_bar: ᾱ_i < 1 (..., 1); no gradient.
        alpha_bar_next: ᾱ_{i-1} (..., 1); no gradient.

    Returns:
        Mean (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eq. 56 (misprint corrected); Ho et al. 2020 eq. 7.
    """
    return _posterior_mean(denoised, x, beta.detach(), alpha_bar.detach(), alpha_bar_next.detach())


def _posterior_mean(denoised: Tensor, x: Tensor, beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    of_denoised = alpha_bar_next.sqrt() * beta
    of_x = (1 - beta).sqrt() * (1 - alpha_bar_next)
    return (of_denoised * denoised + of_x * x) / (1 - alpha_bar)


@kernel
def ddpm_step(
    denoised: Tensor, x: Tensor, noise: Tensor, beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor
) -> Tensor:
    """One ancestral step with variance β_i, as QAM's QSM and DAC take it.

    ddpm_mean + √β_i noise

    Args:
        denoised: data estimate (..., A).
        x: x_i (..., A).
        noise: standard normal (..., A).
        beta: β_i (..., 1); no gradient.
        alpha_bar: ᾱ_i < 1 (..., 1); no gradient.
        alpha_bar_next: ᾱ_{i-1} (..., 1); no gradient.

    Returns:
        x_{i-1} (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eq. 56.
    """
    beta = beta.detach()
    mean = _posterior_mean(denoised, x, beta, alpha_bar.detach(), alpha_bar_next.detach())
    return mean + beta.sqrt() * noise


@kernel
def ddpm_posterior_step(
    denoised: Tensor, x: Tensor, noise: Tensor, beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor
) -> Tensor:
    """One ancestral step with the exact conditional variance, as DQL takes it.

    ddpm_mean + √(β_i (1-ᾱ_{i-1})/(1-ᾱ_i)) noise

    Args:
        denoised: data estimate (..., A).
        x: x_i (..., A).
        noise: standard normal (..., A).
        beta: β_i (..., 1); no gradient.
        alpha_bar: ᾱ_i < 1 (..., 1); no gradient.
        alpha_bar_next: ᾱ_{i-1} (..., 1); no gradient.

    Returns:
        x_{i-1} (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: Ho et al. 2020 eq. 7; DQL.
    """
    beta, alpha_bar, alpha_bar_next = beta.detach(), alpha_bar.detach(), alpha_bar_next.detach()
    mean = _posterior_mean(denoised, x, beta, alpha_bar, alpha_bar_next)
    return mean + _posterior_std(beta, alpha_bar, alpha_bar_next) * noise


def _posterior_std(beta: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    return (beta * (1 - alpha_bar_next) / (1 - alpha_bar)).sqrt()


@kernel
def ddim_step(denoised: Tensor, x: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    """One deterministic step to another noise level.

    √ᾱ' x̂ + √(1-ᾱ') (x - √ᾱ x̂)/√(1-ᾱ)

    Args:
        denoised: data estimate (..., A).
        x: noisy point (..., A).
        alpha_bar: ᾱ < 1 (..., 1); no gradient.
        alpha_bar_next: ᾱ' (..., 1); no gradient.

    Returns:
        x at the next noise level (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: Song et al. 2020 eq. 12 with σ = 0.
    """
    return _ddim(denoised, x, alpha_bar.detach(), alpha_bar_next.detach())


def _ddim(denoised: Tensor, x: Tensor, alpha_bar: Tensor, alpha_bar_next: Tensor) -> Tensor:
    epsilon = (x - alpha_bar.sqrt() * denoised) / (1 - alpha_bar).sqrt()
    return alpha_bar_next.sqrt() * denoised + (1 - alpha_bar_next).sqrt() * epsilon


def _levels(x: Tensor, steps: int, b_min: Scalar, b_max: Scalar) -> tuple[Tensor, Tensor]:
    """(β_1..β_T) and (ᾱ_0 = 1, ᾱ_1, ..., ᾱ_T), so that ᾱ_i is entry i."""
    beta, _, alpha_bar = vp_schedule_like(x, steps, b_min, b_max)
    return beta.detach(), torch.cat([alpha_bar.new_ones(1), alpha_bar.detach()])


@kernel
def dac_sample(noise_field: Field, x: Tensor, noises: Tensor, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Tensor:
    """DAC's sampler: the data estimate is clipped to [-1, 1] before each step of variance β_i.

    x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);  x ← ddpm_step(x̂, x, noise_i, ...); no noise at i = 1

    Args:
        noise_field: (x, i) -> predicted noise (..., A); the time it sees is the step index.
        x: noise (..., A).
        noises: (T-1, ..., A), in the order of use: the first belongs to i = T.
        b_min: of `vp_schedule`.
        b_max: of `vp_schedule`.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `noise_field` returned is outside the contract.

    Source: QAM eqs. 55-56.
    """
    steps = noises.shape[0] + 1
    beta, alpha_bar = _levels(x, steps, b_min, b_max)
    for i in range(steps, 0, -1):
        epsilon = velocity("dac_sample", noise_field, x, float(i), "noise_field")
        denoised = _denoise(epsilon, x, alpha_bar[i]).clamp(-1, 1)
        x = _posterior_mean(denoised, x, beta[i - 1], alpha_bar[i], alpha_bar[i - 1])
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]
    return x


@kernel
def qsm_sample(noise_field: Field, x: Tensor, noises: Tensor, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Tensor:
    """QSM's sampler as released: the step's mean is the data estimate, and x is clipped after each step.

    x ← clip(vp_denoise(ε(x, i), x, ᾱ_i) + √β_i noise_i, -1, 1); no noise at i = 1

    Args:
        noise_field: (x, i) -> predicted noise (..., A); the time it sees is the step index.
        x: noise (..., A).
        noises: (T-1, ..., A), in the order of use: the first belongs to i = T.
        b_min: of `vp_schedule`.
        b_max: of `vp_schedule`.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `noise_field` returned is outside the contract.

    Source: QAM eq. 51 as released (the printed equation has the DDPM mean).
    """
    steps = noises.shape[0] + 1
    beta, alpha_bar = _levels(x, steps, b_min, b_max)
    for i in range(steps, 0, -1):
        epsilon = velocity("qsm_sample", noise_field, x, float(i), "noise_field")
        x = _denoise(epsilon, x, alpha_bar[i])
        if i > 1:
            x = x + beta[i - 1].sqrt() * noises[steps - i]
        x = x.clamp(-1, 1)
    return x


@kernel
def ddpm_sample(noise_field: Field, x: Tensor, noises: Tensor, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Tensor:
    """DQL's sampler: clipped data estimate, exact conditional variance, no noise at i = 1.

    x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);  x ← ddpm_posterior_step(x̂, x, noise_i, ...)

    Args:
        noise_field: (x, i) -> predicted noise (..., A); the time it sees is the step index.
        x: noise (..., A).
        noises: (T-1, ..., A), in the order of use: the first belongs to i = T.
        b_min: of `vp_schedule`.
        b_max: of `vp_schedule`.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `noise_field` returned is outside the contract.

    Source: Wang et al. 2023 (DQL); Ho et al. 2020.
    """
    steps = noises.shape[0] + 1
    beta, alpha_bar = _levels(x, steps, b_min, b_max)
    for i in range(steps, 0, -1):
        epsilon = velocity("ddpm_sample", noise_field, x, float(i), "noise_field")
        denoised = _denoise(epsilon, x, alpha_bar[i]).clamp(-1, 1)
        x = _posterior_mean(denoised, x, beta[i - 1], alpha_bar[i], alpha_bar[i - 1])
        if i > 1:
            x = x + _posterior_std(beta[i - 1], alpha_bar[i], alpha_bar[i - 1]) * noises[steps - i]
    return x


@kernel
def ddim_sample(noise_field: Field, x: Tensor, steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> Tensor:
    """Deterministic sampler over all steps T..1, unclipped.

    x ← ddim_step(vp_denoise(ε(x, i), x, ᾱ_i), x, ᾱ_i, ᾱ_{i-1}),  ᾱ_0 = 1

    Args:
        noise_field: (x, i) -> predicted noise (..., A); the time it sees is the step index.
        x: noise (..., A).
        steps: T >= 1.
        b_min: of `vp_schedule`.
        b_max: of `vp_schedule`.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `noise_field` returned is outside the contract.

    Source: Song et al. 2020 eq. 12.
    """
    _, alpha_bar = _levels(x, steps, b_min, b_max)
    for i in range(steps, 0, -1):
        epsilon = velocity("ddim_sample", noise_field, x, float(i), "noise_field")
        x = _ddim(_denoise(epsilon, x, alpha_bar[i]), x, alpha_bar[i], alpha_bar[i - 1])
    return x


@kernel
def trigflow_sample(field: Field, x0: Tensor, steps: int) -> Tensor:
    """TrigFlow sampler in equal angles from pi/2 (noise) to 0 (data).

    x ← cos(d) x - sin(d) F(x, k d),  k = steps..1,  d = π/(2 steps)

    Args:
        field: (x, angle) -> network output F (..., A).
        x0: noise (..., A).
        steps: >= 1.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: DOAL eq. 8.
    """
    d = math.pi / (2 * steps)
    cos, sin = math.cos(d), math.sin(d)
    x = x0
    for k in range(steps, 0, -1):
        x = cos * x - sin * velocity("trigflow_sample", field, x, k * d)
    return x
