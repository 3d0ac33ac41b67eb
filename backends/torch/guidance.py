"""Guidance by the critic's gradient, and the regression targets of QSM and DAC."""

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Scalar, constant, without_gradient


@kernel
def guided_velocity(v_base: Tensor, grad: Tensor, x: Tensor, t: Tensor, inv_temp: Scalar, weight: Scalar) -> Tensor:
    """Base velocity plus the weighted velocity of the critic's tilt; at t = 0 the base alone.

    v_base + weight ((1-t) inv_temp grad + x)/t for t > 0

    Args:
        v_base: (..., A).
        grad: critic gradient (..., A).
        x: (..., A).
        t: time in [0, 1], (..., 1); no gradient.
        inv_temp: >= 0; no gradient.
        weight: of the guidance; no gradient.

    Returns:
        v (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or inv_temp < 0.

    Source: QAM eqs. 58-61; no guidance at t = 0 as released.
    """
    t = t.detach()
    started = t > 0
    tilt = ((1 - t) * constant(inv_temp, t) * grad + x) / torch.where(started, t, 1)
    return v_base + torch.where(started, constant(weight, t) * tilt, 0)


@kernel
def linex_loss(q: Tensor, target: Tensor, inv_temp: Scalar, maximum: Scalar = 5.0) -> Tensor:
    """Linex loss, linear where the target exceeds q by more than maximum/inv_temp; gradient to q alone.

    Δ = inv_temp (target - q);  exp(Δ) + inv_temp q if Δ ≤ maximum, else Δ

    Args:
        q: (...).
        target: (...); no gradient.
        inv_temp: > 0; no gradient.
        maximum: > 0; no gradient.

    Returns:
        Loss (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or a number lies outside its domain.

    Source: QAM eqs. 64, 70 with the cases the right way round.
    """
    inv_temp = constant(inv_temp, q)
    delta = inv_temp * (target.detach() - q)
    inside = delta <= constant(maximum, q)
    # The inner where keeps exp from overflowing in the branch that is not taken, and its gradient from NaN.
    return torch.where(inside, torch.exp(torch.where(inside, delta, 0)) + inv_temp * q, delta)


@kernel
@without_gradient
def qsm_target(grad: Tensor, inv_temp: Scalar) -> Tensor:
    """QSM's noise-prediction target: minus the tilt's score; no gradient to anything.

    -inv_temp grad

    Args:
        grad: critic gradient (..., A).
        inv_temp: >= 0.

    Returns:
        target (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or inv_temp < 0.

    Source: QAM eqs. 45, 48 (sign as released: the network predicts noise).
    """
    return -constant(inv_temp, grad) * grad


@kernel
@without_gradient
def dac_target(noise: Tensor, grad: Tensor, alpha_bar: Tensor, eta: Scalar) -> Tensor:
    """The noise prediction at which DAC's loss is smallest; no gradient to anything.

    noise - √(1-ᾱ) grad/(2 eta)

    Args:
        noise: (..., A).
        grad: critic gradient (..., A).
        alpha_bar: in [0, 1], (..., 1).
        eta: > 0.

    Returns:
        target (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or eta <= 0.

    Source: QAM eqs. 53-54 with the released √(1-ᾱ).
    """
    return noise - (1 - alpha_bar).sqrt() * grad / (2 * constant(eta, noise))
