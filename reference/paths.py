"""Paths between noise and data, and the regression losses that live on them."""

import numpy as np

from .precision import Array, empty, in_float64


@in_float64
def linear_path(x0: Array, x1: Array, t: Array) -> tuple[Array, Array]:
    """Point and velocity of the straight path from noise to data.

        x_t = (1-t) x0 + t x1,   v = x1 - x0

    Args:
        x0: noise `(..., A)`.
        x1: data `(..., A)`.
        t: time in [0, 1], `(..., 1)`.

    Returns:
        x_t and v, `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM section 3; Lipman et al. 2022.

    >>> x_t, v = linear_path(np.zeros((1, 2)), np.ones((1, 2)), np.full((1, 1), 0.25))
    >>> print(x_t, v)
    [[0.25 0.25]] [[1. 1.]]
    """
    x_t, v = empty(x0.shape, x0, x1, t), empty(x0.shape, x0, x1)
    for *sample, d in np.ndindex(x0.shape):
        b = tuple(sample)
        time = t[(*b, 0)]
        # x_t = (1-t) x0 + t x1
        x_t[(*b, d)] = (1.0 - time) * x0[(*b, d)] + time * x1[(*b, d)]
        # v = dx_t/dt = x1 - x0
        v[(*b, d)] = x1[(*b, d)] - x0[(*b, d)]
    return x_t, v


@in_float64
def flow_matching_loss(v: Array, x0: Array, x1: Array) -> Array:
    """Squared error of a velocity against the straight path's, averaged over action dimensions.

        mean_dims (v - (x1 - x0))²

    Args:
        v: predicted velocity `(..., A)`; the only argument with gradient.
        x0: noise `(..., A)`.
        x1: data `(..., A)`.

    Returns:
        Loss per sample `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 4 (released code averages over dimensions).
    """
    return _mean_squared_error(v, x1 - x0)


@in_float64
def trigflow_path(x0: Array, x1: Array, angle: Array) -> tuple[Array, Array]:
    """Point and angular velocity of the quarter circle from data (angle 0) to noise (angle π/2).

        x = cos(angle) x1 + sin(angle) x0,   dx = cos(angle) x0 - sin(angle) x1

    Args:
        x0: noise `(..., A)`.
        x1: data `(..., A)`.
        angle: in [0, π/2], `(..., 1)`.

    Returns:
        x and dx/dangle, `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: DOAL eq. 5.
    """
    x, dx = empty(x0.shape, x0, x1, angle), empty(x0.shape, x0, x1, angle)
    for b in np.ndindex(x0.shape[:-1]):
        cosine, sine = np.cos(angle[(*b, 0)]), np.sin(angle[(*b, 0)])
        for d in range(x0.shape[-1]):
            noise, data = x0[(*b, d)], x1[(*b, d)]
            # x = cos(angle) x1 + sin(angle) x0
            x[(*b, d)] = cosine * data + sine * noise
            # dx/dangle = cos(angle) x0 - sin(angle) x1
            dx[(*b, d)] = cosine * noise - sine * data
    return x, dx


@in_float64
def trigflow_denoise(F: Array, x: Array, angle: Array) -> Array:
    """Data estimate of a TrigFlow network output.

        x1 = cos(angle) x - sin(angle) F

    Args:
        F: network output, an estimate of dx/dangle, `(..., A)`.
        x: point of the path `(..., A)`.
        angle: in [0, π/2], `(..., 1)`.

    Returns:
        x1 `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: DOAL eq. 7.
    """
    x1 = empty(x.shape, F, x, angle)
    for b in np.ndindex(x.shape[:-1]):
        for d in range(x.shape[-1]):
            # x1 = cos(angle) x - sin(angle) F
            x1[(*b, d)] = np.cos(angle[(*b, 0)]) * x[(*b, d)] - np.sin(angle[(*b, 0)]) * F[(*b, d)]
    return x1


@in_float64
def vp_path(x1: Array, noise: Array, alpha_bar: Array) -> Array:
    """Point of the variance-preserving diffusion.

        x = √ᾱ x1 + √(1-ᾱ) noise

    Args:
        x1: data `(..., A)`.
        noise: standard normal `(..., A)`.
        alpha_bar: in [0, 1], `(..., 1)`; no gradient.

    Returns:
        x `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM section B (below eq. 45).
    """
    x = empty(x1.shape, x1, noise)
    for b in np.ndindex(x1.shape[:-1]):
        for d in range(x1.shape[-1]):
            # x = √ᾱ x1 + √(1-ᾱ) noise
            signal, spread = np.sqrt(alpha_bar[(*b, 0)]), np.sqrt(1.0 - alpha_bar[(*b, 0)])
            x[(*b, d)] = signal * x1[(*b, d)] + spread * noise[(*b, d)]
    return x


@in_float64
def ddpm_loss(prediction: Array, noise: Array) -> Array:
    """Squared error of a noise prediction, averaged over action dimensions.

        mean_dims (prediction - noise)²

    Args:
        prediction: predicted noise `(..., A)`; the only argument with gradient.
        noise: the noise that was drawn `(..., A)`.

    Returns:
        Loss per sample `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 49 (released code averages over dimensions).
    """
    return _mean_squared_error(prediction, noise)


def _mean_squared_error(prediction: Array, target: Array) -> Array:
    loss = empty(prediction.shape[:-1], prediction)
    for b in np.ndindex(loss.shape):
        # (1/A) Σ_d (prediction_d - target_d)²
        total = 0.0
        for d in range(prediction.shape[-1]):
            error = prediction[(*b, d)] - target[(*b, d)]
            total = total + error * error
        loss[b] = total / prediction.shape[-1]
    return loss
