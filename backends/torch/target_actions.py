"""DOAL: regress towards an action moved along the critic's gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...core.contract import check_returned, kernel
from .routing import Critic, Scalar, constant, critic_values, without_gradient


@kernel
@without_gradient
def action_gradient(critic: Critic, a: Tensor, aggregate: Callable[[Tensor], Tensor]) -> Tensor:
    """Gradient of the aggregated critic at each action; no gradient to anything.

    ∇_a aggregate(critic(a))

    Args:
        critic: a -> values (K, ...).
        a: actions (..., A).
        aggregate: values (K, ...) -> (...).

    Returns:
        grad (..., A).

    Raises:
        ContractError: an argument or what a callable returned is outside the contract.

    Source: DOAL eqs. 14, 16.
    """

    def value(action: Tensor) -> Tensor:
        q = aggregate(critic_values("action_gradient", critic, action))
        check_returned("action_gradient", "aggregate", q, action.shape[:-1])
        return q.sum()

    grad: Tensor = torch.func.grad(value)(a)
    return grad


@kernel
@without_gradient
def batch_normalized_target(a: Tensor, grad: Tensor, delta: Scalar) -> Tensor:
    """Action moved by delta in units of the batch's mean gradient norm; a zero gradient moves nothing.

    a + delta · grad / mean_batch ‖grad‖₂; no gradient to anything.

    Args:
        a: actions (..., A).
        grad: critic gradients (..., A).
        delta: >= 0.

    Returns:
        a_target (..., A).

    Raises:
        ContractError: an argument has the wrong shape or dtype, or delta < 0.

    Source: DOAL eqs. 14, 16 (the mean of the norm, not of its square).
    """
    # Scaled by the largest entry first, squares neither overflow nor underflow.
    direction = grad / _nonzero(grad.abs().amax())
    norm = torch.linalg.vector_norm(direction, dim=-1).mean()
    return a + constant(delta, a) * (direction / _nonzero(norm))


def _nonzero(scale: Tensor) -> Tensor:
    return torch.where(scale == 0, 1, scale)
