"""Gaussian policies and the temperature of maximum-entropy methods."""

import math

import numpy as np

from .precision import Array, Scalar, empty, in_float64


@in_float64
def tanh_normal(mean: Array, log_std: Array, noise: Array) -> tuple[Array, Array]:
    """Tanh-squashed Gaussian action and its log-density, summed over dimensions.

        u = mean + exp(log_std) noise,   a = tanh u,   log p = Σ [log N(u) - log(1 - tanh² u)]

    Args:
        mean: of u `(..., A)`.
        log_std: of u `(..., A)`.
        noise: standard normal `(..., A)`.

    Returns:
        action in [-1, 1] `(..., A)` and log_prob `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eqs. 30, 77; Haarnoja et al. 2018 app. C.

    >>> action, log_prob = tanh_normal(np.zeros(1), np.zeros(1), np.zeros(1))
    >>> print(action, log_prob.round(6))
    [0.] -0.918939
    """
    action = empty(mean.shape, mean, log_std, noise)
    log_prob = empty(mean.shape[:-1], mean, log_std, noise)
    for b in np.ndindex(log_prob.shape):
        total: complex = 0.0
        for d in range(mean.shape[-1]):
            index = (*b, d)
            # u = mean + exp(log_std) noise,  a = tanh u
            u = mean[index] + np.exp(log_std[index]) * noise[index]
            action[index] = np.tanh(u)
            # log N(u) - log |da/du|; u stands noise standard deviations from its mean
            total = total + _log_standard_normal(noise[index]) - log_std[index] - _log_slope_of_tanh(u)
        log_prob[b] = total
    return action, log_prob


@in_float64
def gaussian_log_prob(x: Array, mean: Array, log_std: Array) -> Array:
    """Log-density of a diagonal Gaussian, summed over dimensions.

        -½ Σ [((x-mean)/std)² + 2 log_std + log 2π]

    Args:
        x: point `(..., A)`.
        mean: `(..., A)`.
        log_std: `(..., A)`.

    Returns:
        log_prob `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: DOAL eq. 2.
    """
    log_prob = empty(x.shape[:-1], x, mean, log_std)
    for b in np.ndindex(log_prob.shape):
        total: complex = 0.0
        for d in range(x.shape[-1]):
            # log N(x; mean, std) = log N((x-mean)/std; 0, 1) - log std
            z = (x[(*b, d)] - mean[(*b, d)]) / np.exp(log_std[(*b, d)])
            total = total + _log_standard_normal(z) - log_std[(*b, d)]
        log_prob[b] = total
    return log_prob


@in_float64
def entropy_temperature_loss(log_temp: Scalar, log_prob: Array, target_entropy: Scalar) -> Array:
    """Loss of the entropy temperature exp(log_temp), per sample; gradient to log_temp alone.

        exp(log_temp) (-log_prob - target_entropy)

    Args:
        log_temp: logarithm of the temperature.
        log_prob: of sampled actions `(...)`; no gradient.
        target_entropy: the entropy to hold.

    Returns:
        loss `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM section B (FEdit, RLPD); Haarnoja et al. 2018 eq. 18.
    """
    loss = empty(log_prob.shape, log_temp)
    for b in np.ndindex(log_prob.shape):
        # exp(log_temp) (-log_prob - target_entropy)
        loss[b] = np.exp(log_temp) * (-log_prob[b] - float(target_entropy))
    return loss


def _log_standard_normal(z: complex) -> complex:
    # log N(z; 0, 1) = -½ z² - ½ log 2π
    return -0.5 * z * z - 0.5 * math.log(2.0 * math.pi)


def _log_slope_of_tanh(u: complex) -> complex:
    # log(1 - tanh² u) = -2 log cosh u,  cosh u = e^{|u|} (1 + e^{-2|u|})/2
    magnitude = u if u.real >= 0.0 else -u
    log_cosh = magnitude + np.log((1.0 + np.exp(-2.0 * magnitude)) / 2.0)
    slope: complex = -2.0 * log_cosh
    return slope
