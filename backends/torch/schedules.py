"""Noise schedules and distributions of flow times."""

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Scalar, constant, without_gradient


@kernel
@without_gradient
def vp_schedule(steps: int, b_min: Scalar = 0.1, b_max: Scalar = 10.0) -> tuple[Tensor, Tensor, Tensor]:
    """Variance-preserving schedule; entry i-1 belongs to diffusion step i = 1..steps.

    β_i = 1 - exp(-b_min/T - (b_max-b_min)(2i-1)/(2T²)),  α = 1-β,  ᾱ_i = Π_{j≤i} α_j

    Args:
        steps: T >= 1.
        b_min: > 0, a number or a 0-d tensor.
        b_max: > 0, a number or a 0-d tensor.

    Returns:
        (beta, alpha, alpha_bar), each (T), with dtype and device of a tensor `b_min` or `b_max`,
        torch's defaults where both are numbers.

    Raises:
        DomainError: steps < 1, b_min <= 0 or b_max <= 0.

    Source: QAM eqs. 46-47 (there i counts from 0).
    """
    like = next((value for value in (b_min, b_max) if isinstance(value, Tensor)), torch.empty(()))
    return vp_schedule_like(like, steps, b_min, b_max)


def vp_schedule_like(like: Tensor, steps: int, b_min: Scalar, b_max: Scalar) -> tuple[Tensor, Tensor, Tensor]:
    """`vp_schedule` with the dtype and on the device of `like`, without gradient."""
    low, high = constant(b_min, like), constant(b_max, like)
    odd = torch.arange(1, 2 * steps, 2, dtype=like.dtype, device=like.device)
    rate = low / steps + (high - low) * (odd / (2 * steps**2))
    alpha = torch.exp(-rate)
    # 1 - ᾱ_1 must be β_1 to the last bit, or the last DDPM step leaves [-1, 1].
    return 1 - alpha, alpha, torch.cumprod(alpha, 0)


@kernel
@without_gradient
def memoryless_sigma(t: Tensor, h: Scalar) -> Tensor:
    """Noise scale of the memoryless SDE, shifted by one step so that t = 0 is not a pole.

    σ(t) = √(2 (1-t+h)/(t+h)); no gradient.

    Args:
        t: time in [0, 1], (...).
        h: step size in (0, 1].

    Returns:
        sigma (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or h lies outside (0, 1].

    Source: QAM eq. 7; the shift by h is the released code's.
    """
    h = constant(h, t)
    return (2 * (1 - t + h) / (t + h)).sqrt()


@kernel
@without_gradient
def logit_normal(normals: Tensor, mean: Scalar = -0.4, std: Scalar = 1.0) -> Tensor:
    """Logit-normal times from standard normal draws.

    sigmoid(mean + std · normals); no gradient.

    Args:
        normals: standard normal draws (...).
        mean: of the logit.
        std: of the logit, > 0.

    Returns:
        Times in (0, 1), (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or std <= 0.

    Source: OFQL section 4; MeanFlow.
    """
    return torch.sigmoid(constant(mean, normals) + constant(std, normals) * normals)


@kernel
@without_gradient
def meanflow_times(a: Tensor, b: Tensor, same: Scalar) -> tuple[Tensor, Tensor]:
    """Pairs t ≤ r from two draws of the paper's (reversed) time; a leading fraction gets r = t.

    t = 1 - max(a, b),  r = 1 - min(a, b);  r := t on the first ⌊same · B⌋ rows; no gradient.

    Args:
        a: reversed times in [0, 1], (B, 1).
        b: reversed times in [0, 1], (B, 1).
        same: fraction of rows with r = t, in [0, 1].

    Returns:
        (t, r), each (B, 1).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or same lies outside [0, 1].

    Source: OFQL section 4 and app. B; MeanFlow; time reversed to 0 = noise.
    """
    t, r = 1 - torch.maximum(a, b), 1 - torch.minimum(a, b)
    rows = torch.arange(1, a.shape[0] + 1, dtype=a.dtype, device=a.device).unsqueeze(-1)
    # A product such as 0.29 * 100 falls below its integer by rounding: 1e-9 of a row puts it back.
    return t, torch.where(rows <= constant(same, a) * a.shape[0] + 1e-9, t, r)
