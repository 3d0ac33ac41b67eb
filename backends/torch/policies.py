"""Gaussian policies and the temperature of maximum-entropy methods."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ...core.contract import kernel
from .routing import Scalar, constant

LOG_TAU = math.log(2 * math.pi)


@kernel
def tanh_normal(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Tanh-squashed Gaussian action and its log-density, summed over dimensions.

    u = mean + exp(log_std) noise,  a = tanh u,  log p = Σ [log N(u) - log(1 - tanh² u)]

    Args:
        mean: (..., A).
        log_std: (..., A).
        noise: standard normal (..., A).

    Returns:
        action (..., A) and log_prob (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eqs. 30, 77; Haarnoja et al. 2018 app. C.
    """
    u = mean + torch.exp(log_std) * noise
    # log(1 - tanh² u) = 2 (log 2 - u - softplus(-2u)); softplus's default threshold would cost 2e-9.
    log_slope = 2 * (math.log(2) - u - softplus(-2 * u, threshold=50))
    log_normal = -0.5 * (noise.square() + LOG_TAU) - log_std
    return torch.tanh(u), (log_normal - log_slope).sum(-1)


@kernel
def gaussian_log_prob(x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log-density of a diagonal Gaussian, summed over dimensions.

    -½ Σ [((x-mean)/std)² + 2 log_std + log 2π]

    Args:
        x: (..., A).
        mean: (..., A).
        log_std: (..., A).

    Returns:
        log_prob (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: DOAL eq. 2.
    """
    scaled = (x - mean) * torch.exp(-log_std)
    return -0.5 * (scaled.square() + 2 * log_std + LOG_TAU).sum(-1)


@kernel
def entropy_temperature_loss(log_temp: Scalar, log_prob: Tensor, target_entropy: Scalar) -> Tensor:
    """Loss of the entropy temperature exp(log_temp), per sample; gradient to log_temp alone.

    exp(log_temp) (-log_prob - target_entropy)

    Args:
        log_temp: a number or a 0-d tensor.
        log_prob: (...); no gradient.
        target_entropy: a number or a 0-d tensor; no gradient.

    Returns:
        Loss (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM section B (FEdit, RLPD); Haarnoja et al. 2018 eq. 18.
    """
    temp = torch.exp(log_temp) if isinstance(log_temp, Tensor) else math.exp(log_temp)
    return temp * (-log_prob.detach() - constant(target_entropy, log_prob))
