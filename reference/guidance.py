"""Guidance by the critic's gradient, and the regression targets of QSM and DAC."""

import math

import numpy as np

from .precision import Array, Scalar, empty, in_float64


@in_float64
def guided_velocity(v_base: Array, grad: Array, x: Array, t: Array, inv_temp: Scalar, weight: Scalar) -> Array:
    """Base velocity plus the weighted velocity of the critic's tilt; at t = 0 the base alone.

        v_base + weight ((1-t) inv_temp grad + x)/t   for t > 0

    Args:
        v_base: velocity of the base flow `(..., A)`.
        grad: gradient of the critic at x `(..., A)`.
        x: point of the flow `(..., A)`.
        t: time in [0, 1], `(..., 1)`; no gradient.
        inv_temp: inverse temperature, ≥ 0.
        weight: of the guidance.

    Returns:
        v `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype, or inv_temp < 0.

    Source: QAM eqs. 58-61; no guidance at t = 0 as released.
    """
    v = empty(x.shape, v_base, grad, x)
    for *sample, d in np.ndindex(x.shape):
        index, time = (*sample, d), float(t[(*sample, 0)])
        v[index] = v_base[index]
        if time > 0.0:
            # v_base + weight ((1-t) inv_temp grad + x)/t
            tilt = ((1.0 - time) * float(inv_temp) * grad[index] + x[index]) / time
            v[index] = v_base[index] + float(weight) * tilt
    return v


@in_float64
def linex_loss(q: Array, target: Array, inv_temp: Scalar, maximum: Scalar = 5.0) -> Array:
    """Linex loss, linear where the target exceeds q by more than maximum/inv_temp; gradient to q alone.

        Δ = inv_temp (target - q);   exp(Δ) + inv_temp q if Δ ≤ maximum, else Δ

    Args:
        q: predicted value `(...)`.
        target: `(...)`; no gradient.
        inv_temp: inverse temperature, > 0.
        maximum: of the exponent, > 0.

    Returns:
        loss `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or a number out of range.

    Source: QAM eqs. 64, 70 with the cases the right way round.
    """
    loss = empty(q.shape, q)
    for b in np.ndindex(q.shape):
        # Δ = inv_temp (target - q)
        excess = float(inv_temp) * (target[b] - q[b])
        if excess.real > float(maximum):
            loss[b] = excess
        else:
            # exp(Δ) + inv_temp q
            loss[b] = np.exp(excess) + float(inv_temp) * q[b]
    return loss


@in_float64
def qsm_target(grad: Array, inv_temp: Scalar) -> Array:
    """QSM's noise-prediction target: minus the tilt's score; no gradient to anything.

        -inv_temp grad

    Args:
        grad: gradient of the critic `(..., A)`.
        inv_temp: inverse temperature, ≥ 0.

    Returns:
        target `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype, or inv_temp < 0.

    Source: QAM eqs. 45, 48 (sign as released: the network predicts noise).
    """
    target = np.empty(grad.shape)
    for index in np.ndindex(grad.shape):
        # -inv_temp grad
        target[index] = -float(inv_temp) * grad[index]
    return target


@in_float64
def dac_target(noise: Array, grad: Array, alpha_bar: Array, eta: Scalar) -> Array:
    """The noise prediction at which DAC's loss is smallest; no gradient to anything.

        noise - √(1-ᾱ) grad/(2 eta)

    Args:
        noise: the noise that was drawn `(..., A)`.
        grad: gradient of the critic `(..., A)`.
        alpha_bar: ᾱ in [0, 1], `(..., 1)`.
        eta: weight of the behaviour term, > 0.

    Returns:
        target `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype, or eta ≤ 0.

    Source: QAM eqs. 53-54 with the released √(1-ᾱ).
    """
    target = np.empty(noise.shape)
    for *sample, d in np.ndindex(noise.shape):
        # argmin_ε  √(1-ᾱ) grad · ε + eta ‖noise - ε‖²
        slope = math.sqrt(1.0 - alpha_bar[(*sample, 0)]) * grad[(*sample, d)]
        target[(*sample, d)] = noise[(*sample, d)] - slope / (2.0 * float(eta))
    return target
