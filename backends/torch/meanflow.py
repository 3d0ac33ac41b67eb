"""MeanFlow in library time: u(x, t, r), t ≤ r, is the average velocity from t to r."""

import torch
from torch import Tensor

from ...core.contract import check_returned, kernel
from .routing import AverageField, time_like, without_gradient


@kernel
@without_gradient
def meanflow_target(u: AverageField, x_t: Tensor, v: Tensor, t: Tensor, r: Tensor) -> Tensor:
    """Regression target of the average velocity; no gradient to anything.

    v + (r-t) D u,  D u = JVP of u at (x_t, t, r) along (v, 1, 0)

    Args:
        u: (x, t, r) -> average velocity (..., A).
        x_t: (..., A).
        v: velocity at (x_t, t), (..., A).
        t: start in [0, 1], (..., 1).
        r: end in [t, 1], (..., 1).

    Returns:
        target (..., A).

    Raises:
        ContractError: an argument or what `u` returned is outside the contract.

    Source: OFQL eqs. 13-14 (time reversed to 0 = noise).
    """
    result = torch.func.jvp(lambda x, time: u(x, time, r), (x_t, t), (v, torch.ones_like(t)))
    check_returned("meanflow_target", "u", result[0], x_t.shape)
    derivative: Tensor = result[1]
    return v + (r - t) * derivative


@kernel
def meanflow_sample(u: AverageField, x0: Tensor) -> Tensor:
    """Data from noise in one step.

    x1 = x0 + u(x0, 0, 1)

    Args:
        u: (x, t, r) -> average velocity (..., A).
        x0: noise (..., A).

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `u` returned is outside the contract.

    Source: OFQL section 4 (time reversed to 0 = noise).
    """
    average = u(x0, time_like(x0, 0.0), time_like(x0, 1.0))
    check_returned("meanflow_sample", "u", average, x0.shape)
    return x0 + average
