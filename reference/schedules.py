"""Noise schedules and distributions of flow times."""

import math

import numpy as np

from .precision import Array, Scalar, in_float64


@in_float64
def vp_schedule(steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> tuple[Array, Array, Array]:
    """Variance-preserving schedule; entry i-1 belongs to diffusion step i = 1..steps.

        β_i = 1 - exp(-b_min/T - (b_max-b_min)(2i-1)/(2T²)),   α_i = 1 - β_i,   ᾱ_i = Π_{j≤i} α_j

    Args:
        steps: T ≥ 1.
        b_min: rate at the data end, > 0.
        b_max: rate at the noise end, > 0.

    Returns:
        beta, alpha, alpha_bar, each `(T,)`.

    Raises:
        ContractError: a number out of range.

    Source: QAM eqs. 46-47 (there i counts from 0).

    >>> print(vp_schedule(5)[2].round(4))
    [0.8041 0.4352 0.1585 0.0389 0.0064]
    """
    beta, alpha, alpha_bar = np.empty(steps), np.empty(steps), np.empty(steps)
    product = 1.0
    for i in range(1, steps + 1):
        # α_i = exp(-∫ b over step i),  b rising linearly from b_min to b_max
        exponent = -float(b_min) / steps - (float(b_max) - float(b_min)) * (2 * i - 1) / (2 * steps**2)
        alpha[i - 1] = math.exp(exponent)
        beta[i - 1] = -math.expm1(exponent)
        # ᾱ_i = Π_{j≤i} α_j
        product *= alpha[i - 1]
        alpha_bar[i - 1] = product
    return beta, alpha, alpha_bar


@in_float64
def memoryless_sigma(t: Array, h: Scalar) -> Array:
    """Noise scale of the memoryless SDE, shifted by one step so that t = 0 is not a pole.

        σ(t) = √(2 (1-t+h)/(t+h))

    Args:
        t: time in [0, 1], `(...)`; no gradient.
        h: step size in (0, 1].

    Returns:
        sigma `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or h out of range.

    Source: QAM eq. 7; the shift by h is the released code's.
    """
    sigma = np.empty(t.shape)
    for b in np.ndindex(t.shape):
        sigma[b] = shifted_sigma(float(t[b]), float(h))
    return sigma


def shifted_sigma(t: float, h: float) -> float:
    """`memoryless_sigma` of one number."""
    # σ(t) = √(2 (1-t+h)/(t+h))
    return math.sqrt(2.0 * (1.0 - t + h) / (t + h))


@in_float64
def logit_normal(normals: Array, mean: Scalar = -0.4, std: Scalar = 1.0) -> Array:
    """Logit-normal times from standard normal draws.

        sigmoid(mean + std · normals)

    Args:
        normals: standard normal draws `(...)`; no gradient.
        mean: of the logit.
        std: of the logit, > 0.

    Returns:
        Times in (0, 1), `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or std ≤ 0.

    Source: OFQL section 4; MeanFlow.
    """
    time = np.empty(normals.shape)
    for b in np.ndindex(normals.shape):
        logit = float(mean) + float(std) * float(normals[b])
        # sigmoid(y) = e^y/(1+e^y), written with the exponential that cannot overflow
        small = math.exp(-abs(logit))
        time[b] = 1.0 / (1.0 + small) if logit >= 0.0 else small / (1.0 + small)
    return time


@in_float64
def meanflow_times(a: Array, b: Array, same: Scalar) -> tuple[Array, Array]:
    """Pairs t ≤ r from two draws of the paper's (reversed) time; a leading fraction gets r = t.

        t = 1 - max(a, b),   r = 1 - min(a, b);   r := t on the first ⌊same · B⌋ rows

    Args:
        a: first draw in [0, 1], `(B, 1)`; no gradient.
        b: second draw `(B, 1)`; no gradient.
        same: fraction of rows with r = t, in [0, 1].

    Returns:
        t and r, `(B, 1)`.

    Raises:
        ContractError: an argument of another shape or dtype, or same out of range.

    Source: OFQL section 4 and app. B; MeanFlow; time reversed to 0 = noise.

    >>> t, r = meanflow_times(np.array([[0.25], [0.75]]), np.array([[0.5], [0.5]]), 0.5)
    >>> print(t.ravel(), r.ravel())
    [0.5  0.25] [0.5 0.5]
    """
    rows = a.shape[0]
    # same · B may round just below a whole number (0.29 · 100 = 28.999...)
    equal = math.floor(float(same) * rows + 1e-9)
    t, r = np.empty(a.shape), np.empty(a.shape)
    for row in range(rows):
        later, earlier = sorted((float(a[row, 0]), float(b[row, 0])), reverse=True)
        # reversed time: the paper's larger time is nearer to noise, so it is our earlier one
        t[row, 0] = 1.0 - later
        r[row, 0] = t[row, 0] if row < equal else 1.0 - earlier
    return t, r
