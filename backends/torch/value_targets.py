"""Temporal-difference targets, expectiles and returns of action chunks."""

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Scalar, constant, without_gradient


@kernel
def ensemble_mean(q: Tensor) -> Tensor:
    """Mean over ensemble members.

    mean_K q

    Args:
        q: values (K, ...).

    Returns:
        value (...).

    Raises:
        ContractError: `q` has the wrong shape or dtype.

    Source: QAM eq. 26.
    """
    return q.mean(0)


@kernel
def ensemble_min(q: Tensor) -> Tensor:
    """Minimum over ensemble members.

    min_K q

    Args:
        q: values (K, ...).

    Returns:
        value (...).

    Raises:
        ContractError: `q` has the wrong shape or dtype.

    Source: DOAL section 2 (clipped double Q).
    """
    return q.amin(0)


@kernel
def ensemble_lower_bound(q: Tensor, rho: Scalar) -> Tensor:
    """Pessimistic value: mean minus rho population standard deviations.

    mean_K q - rho √(mean_K (q - mean_K q)²); the gradient is finite where all members agree.

    Args:
        q: values (K, ...).
        rho: >= 0; no gradient.

    Returns:
        value (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or rho < 0.

    Source: QAM eq. 26 (population std as released).
    """
    return _lower_bound(q, rho)


def _lower_bound(q: Tensor, rho: Scalar) -> Tensor:
    mean = q.mean(0)
    variance = (q - mean).square().mean(0)
    disagree = variance > 0
    # The inner where keeps the square root away from 0, whose infinite slope would turn 0 into NaN.
    std = torch.where(disagree, torch.where(disagree, variance, 1).sqrt(), 0)
    return mean - constant(rho, q) * std


@kernel
@without_gradient
def td_target_pessimistic(q_next: Tensor, reward: Tensor, discount: Scalar, mask: Tensor, rho: Scalar) -> Tensor:
    """Pessimistic temporal-difference target; no gradient to anything.

    r + discount · mask · (mean_K q_next - rho std_K q_next)

    Args:
        q_next: values at the next state (K, ...).
        reward: (...).
        discount: in [0, 1]; γ^h for a chunk of h actions.
        mask: 0 where the episode ended, else 1, (...).
        rho: >= 0.

    Returns:
        target (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or a number lies outside its domain.

    Source: QAM eq. 26 (population std as released).
    """
    return reward + constant(discount, reward) * mask * _lower_bound(q_next, rho)


@kernel
@without_gradient
def td_target_min(q_next: Tensor, reward: Tensor, discount: Scalar, mask: Tensor) -> Tensor:
    """Clipped double-Q temporal-difference target; no gradient to anything.

    r + discount · mask · min_K q_next

    Args:
        q_next: values at the next state (K, ...).
        reward: (...).
        discount: in [0, 1].
        mask: 0 where the episode ended, else 1, (...).

    Returns:
        target (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or discount lies outside [0, 1].

    Source: Fujimoto et al. 2018; OFQL section 3.
    """
    return reward + constant(discount, reward) * mask * q_next.amin(0)


@kernel
def expectile_loss(diff: Tensor, kappa: Scalar) -> Tensor:
    """Asymmetric squared error.

    kappa diff² where diff ≥ 0, (1-kappa) diff² below

    Args:
        diff: target minus value (...).
        kappa: in (0, 1); no gradient.

    Returns:
        Loss (...).

    Raises:
        ContractError: `diff` has the wrong dtype or kappa lies outside (0, 1).

    Source: RQL eq. 14; Kostrikov et al. 2022 eq. 5.
    """
    kappa, square = constant(kappa, diff), diff.square()
    return torch.where(diff >= 0, kappa * square, (1 - kappa) * square)


@kernel
@without_gradient
def chunk_return(rewards: Tensor, masks: Tensor, terminals: Tensor, discount: Scalar) -> tuple[Tensor, Tensor, Tensor]:
    """Return, bootstrap mask and validity of a window of h steps that may cross an episode's end.

    valid_0 = 1, valid_k = 1 - max(terminals[<k]);  return = Σ_k γ^k r_k valid_k;
    mask = min of masks_k over valid k;  valid = valid_{h-1}; no gradient.

    Args:
        rewards: (..., h).
        masks: 0 where the bootstrap is cut, else 1, (..., h).
        terminals: 1 at the last step of an episode, else 0, (..., h).
        discount: γ in [0, 1].

    Returns:
        (chunk_return, mask, valid), each (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or discount lies outside [0, 1].

    Source: spec card 0.4 (released QAM sampler).
    """
    steps = torch.arange(rewards.shape[-1], dtype=rewards.dtype, device=rewards.device)
    ended = torch.cat([torch.zeros_like(terminals[..., :1]), terminals[..., :-1]], -1)
    valid = 1 - ended.cummax(-1).values
    total = (constant(discount, rewards) ** steps * rewards * valid).sum(-1)
    mask = torch.where(valid > 0, masks, masks[..., :1]).amin(-1)
    return total, mask, valid[..., -1]


@kernel
@without_gradient
def advantage_weight(advantage: Tensor, inv_temp: Scalar, maximum: Scalar = 100.0) -> Tensor:
    """Capped exponential advantage weight, without overflow; no gradient to anything.

    min(exp(inv_temp · advantage), maximum)

    Args:
        advantage: (...).
        inv_temp: >= 0.
        maximum: > 0.

    Returns:
        weight (...).

    Raises:
        ContractError: an argument has the wrong dtype or a number lies outside its domain.

    Source: QAM eq. 73; Peng et al. 2019.
    """
    weight = torch.exp(constant(inv_temp, advantage) * advantage)
    return weight.clamp(max=constant(maximum, advantage))
