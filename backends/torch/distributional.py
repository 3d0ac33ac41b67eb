"""Distributional values carried by a flow over returns, and selection by soft values (EVOR)."""

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Field, Scalar, constant, velocity, without_gradient


@kernel
@without_gradient
def flow_td_target(reward: Tensor, discount: Tensor, s_next: Tensor) -> Tensor:
    """EVOR's target velocity as printed; `discount` carries gamma and the terminal mask.

    r + g s_next; no gradient.

    Args:
        reward: (..., 1).
        discount: g in [0, 1], (..., 1).
        s_next: velocity at the next state (..., 1).

    Returns:
        target (..., 1).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: EVOR eq. 19 (the paper omits discount and mask).
    """
    return reward + discount * s_next


@kernel
@without_gradient
def bellman_flow_target(reward: Tensor, discount: Tensor, z_t: Tensor, t: Tensor, next_field: Field) -> Tensor:
    """The velocity of Z = r + g Z' written through the velocity of Z'; exact for every law of Z'.

    k = 1-t+t g,  y = (z_t - t r)/k,  w = t g/k;  target = r + (g-1) y + (g/k) next_field(y, w);  at g = 0: r - z0

    Args:
        reward: r (..., 1).
        discount: g in [0, 1], (..., 1).
        z_t: point on the path of Z (..., 1).
        t: time in [0, 1), (..., 1).
        next_field: (z, t) -> velocity of Z' (..., 1).

    Returns:
        target (..., 1).

    Raises:
        ContractError: an argument or what `next_field` returned is outside the contract.

    Source: veloq; EVOR eqs. 17-20 made consistent.
    """
    k = 1 - t + t * discount
    y = (z_t - t * reward) / k
    s_next = velocity("bellman_flow_target", next_field, y, t * discount / k, "next_field")
    return reward + (discount - 1) * y + (discount / k) * s_next


@kernel
def logsumexp_q(returns: Tensor, temperature: Scalar, axis: int = 0) -> Tensor:
    """Soft value of sampled returns along `axis`, safe for returns of any size.

    temperature · log mean exp(returns/temperature)

    Args:
        returns: samples (N, ...).
        temperature: > 0; no gradient.
        axis: of the samples.

    Returns:
        q (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or temperature <= 0.

    Source: EVOR eq. 39.
    """
    temperature = constant(temperature, returns)
    largest = returns.detach().amax(axis, keepdim=True)
    mean = torch.exp((returns - largest) / temperature).mean(axis)
    return largest.squeeze(axis) + temperature * torch.log(mean)


@kernel
@without_gradient
def softmax_select(q: Tensor, temperature: Scalar, gumbel: Tensor) -> Tensor:
    """Index drawn from softmax(q/temperature) over axis 0, given standard Gumbel noise.

    argmax_n (q_n + temperature · gumbel_n)

    Args:
        q: values (N, ...).
        temperature: > 0.
        gumbel: standard Gumbel noise (N, ...).

    Returns:
        index (...), integers.

    Raises:
        ContractError: an argument has the wrong shape or dtype, or temperature <= 0.

    Source: EVOR section 3.3; Gumbel 1954.
    """
    return torch.argmax(q + constant(temperature, q) * gumbel, 0)


@kernel
def best_of_n(candidates: Tensor, q: Tensor) -> Tensor:
    """The candidate action with the largest value; the first of equals.

    candidates[argmax_n q_n]

    Args:
        candidates: actions (N, ..., A).
        q: values (N, ...); no gradient.

    Returns:
        action (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: DOAL eq. 9; QC.
    """
    index = torch.argmax(q.detach(), 0).unsqueeze(0).unsqueeze(-1)
    return torch.take_along_dim(candidates, index, 0).squeeze(0)
