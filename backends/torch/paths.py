"""Paths between noise and data, and the regression losses that live on them."""

import torch
from torch import Tensor

from ...core.contract import kernel


@kernel
def linear_path(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Point and velocity of the straight path from noise to data.

    x_t = (1-t) x0 + t x1,  v = x1 - x0

    Args:
        x0: noise (..., A).
        x1: data (..., A).
        t: time in [0, 1], (..., 1).

    Returns:
        (x_t, v), each (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM section 3; Lipman et al. 2022.
    """
    return (1 - t) * x0 + t * x1, x1 - x0


@kernel
def flow_matching_loss(v: Tensor, x0: Tensor, x1: Tensor) -> Tensor:
    """Squared error of a velocity against the straight path's, averaged over action dimensions.

    mean_dims (v - (x1 - x0))²; gradient to `v` alone.

    Args:
        v: predicted velocity (..., A).
        x0: noise (..., A).
        x1: data (..., A).

    Returns:
        Loss (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eq. 4 (averaged over dimensions as released).
    """
    return (v - (x1 - x0).detach()).square().mean(-1)


@kernel
def trigflow_path(x0: Tensor, x1: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Point and angular velocity of the quarter circle from data (angle 0) to noise (angle pi/2).

    x = cos(angle) x1 + sin(angle) x0,  dx = cos(angle) x0 - sin(angle) x1

    Args:
        x0: noise (..., A).
        x1: data (..., A).
        angle: in [0, pi/2], (..., 1).

    Returns:
        (x_t, dx), each (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: DOAL eq. 5.
    """
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x1 + sin * x0, cos * x0 - sin * x1


@kernel
def trigflow_denoise(F: Tensor, x: Tensor, angle: Tensor) -> Tensor:
    """Data estimate of a TrigFlow network output.

    x1 = cos(angle) x - sin(angle) F

    Args:
        F: network output (..., A).
        x: point on the path (..., A).
        angle: in [0, pi/2], (..., 1).

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: DOAL eq. 7.
    """
    return torch.cos(angle) * x - torch.sin(angle) * F


@kernel
def vp_path(x1: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Point of the variance-preserving diffusion.

    x = √ᾱ x1 + √(1-ᾱ) noise

    Args:
        x1: data (..., A).
        noise: (..., A).
        alpha_bar: in [0, 1], (..., 1); no gradient.

    Returns:
        x (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM section B (below eq. 45).
    """
    alpha_bar = alpha_bar.detach()
    return alpha_bar.sqrt() * x1 + (1 - alpha_bar).sqrt() * noise


@kernel
def ddpm_loss(prediction: Tensor, noise: Tensor) -> Tensor:
    """Squared error of a noise prediction, averaged over action dimensions.

    mean_dims (prediction - noise)²; gradient to `prediction` alone.

    Args:
        prediction: (..., A).
        noise: (..., A).

    Returns:
        Loss (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eq. 49 (averaged over dimensions as released).
    """
    return (prediction - noise.detach()).square().mean(-1)
