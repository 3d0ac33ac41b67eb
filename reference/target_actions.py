"""DOAL: regress towards an action moved along the critic's gradient."""

import math
from collections.abc import Callable

import numpy as np

from .adjoint import checked_values
from .derivatives import jacobian
from .precision import Array, Critic, Scalar, evaluate, in_float64


@in_float64
def action_gradient(critic: Critic, a: Array, aggregate: Callable[[Array], Array]) -> Array:
    """Gradient of the aggregated critic at each action; no gradient to anything.

        ∇_a aggregate(critic(a))

    Args:
        critic: values `(K, ...)` of actions `(..., A)`; a sample's values depend on its action alone.
        a: actions `(..., A)`.
        aggregate: maps values `(K, ...)` to `(...)`.

    Returns:
        grad `(..., A)`.

    Raises:
        ContractError: an argument, or what a callable returned, outside the contract.

    Source: DOAL eqs. 14, 16.
    """

    def value(action: Array) -> Array:
        q = checked_values("action_gradient", critic, action)
        return evaluate("action_gradient", "aggregate", aggregate, a.shape[:-1], q)[..., None]

    # (∇_a Q)_d = Im Q(a + i ε e_d)/ε
    return jacobian(value, a)[..., 0, :]


@in_float64
def batch_normalized_target(a: Array, grad: Array, delta: Scalar) -> Array:
    """Action moved by delta in units of the batch's mean gradient norm; a zero gradient moves nothing.

        a + delta · grad / mean_batch ‖grad‖₂

    Args:
        a: actions `(..., A)`.
        grad: gradient of the critic there `(..., A)`.
        delta: mean length of the move, ≥ 0.

    Returns:
        a_target `(..., A)`; no gradient to anything.

    Raises:
        ContractError: an argument of another shape or dtype, or delta < 0.

    Source: DOAL eqs. 14, 16 (the mean of the norm, not of its square).

    >>> print(batch_normalized_target(np.zeros((2, 1)), np.array([[3.0], [-1.0]]), 0.1))
    [[ 0.15]
     [-0.05]]
    """
    # ‖grad‖₂ of every sample; hypot neither overflows nor underflows
    norms = [math.hypot(*grad[b]) for b in np.ndindex(a.shape[:-1])]
    mean_norm = sum(norms) / len(norms) if norms else 0.0
    if mean_norm == 0.0:
        return a
    # a + delta · grad / mean_batch ‖grad‖₂
    return a + float(delta) * (grad / mean_norm)
