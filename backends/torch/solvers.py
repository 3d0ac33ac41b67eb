"""Solvers of the flow ODE, forwards and backwards."""

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Field, stop_gradient, time_like, velocity

# Steps here and in adjoint.py are x + h * v, never torch.add(x, v, alpha=h): where v is a matrix product, the
# default backend of torch.compile fuses the two and silently drops alpha (seen in torch 2.13 on CPU).


@kernel
def euler(field: Field, x: Tensor, steps: int) -> Tensor:
    """Flow from t = 0 to 1 by Euler steps, velocity at the start of each step, no clipping.

    x_{i+1} = x_i + h v(x_i, i h),  h = 1/steps

    Args:
        field: (x, t) -> velocity (..., A).
        x: noise (..., A).
        steps: >= 1.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: QAM eqs. 37-39 (index slips corrected).
    """
    for i in range(steps):
        x = x + 1 / steps * velocity("euler", field, x, i / steps)
    return x


@kernel
def euler_path(field: Field, x: Tensor, steps: int) -> Tensor:
    """All states of `euler`, noise first.

    (x_0, ..., x_T),  x_{i+1} = x_i + h v(x_i, i h)

    Args:
        field: (x, t) -> velocity (..., A).
        x: noise (..., A).
        steps: T >= 1.

    Returns:
        xs (T+1, ..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: QAM eqs. 37-39 (index slips corrected).
    """
    xs = [x]
    for i in range(steps):
        x = x + 1 / steps * velocity("euler_path", field, x, i / steps)
        xs.append(x)
    return torch.stack(xs)


@kernel
def midpoint(field: Field, x: Tensor, steps: int) -> Tensor:
    """Flow from t = 0 to 1 by the explicit midpoint rule, second order.

    x_{i+1} = x_i + h v(x_i + h/2 v(x_i, t_i), t_i + h/2)

    Args:
        field: (x, t) -> velocity (..., A).
        x: noise (..., A).
        steps: >= 1.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: Hairer, Nørsett & Wanner, II.1.
    """
    h = 1 / steps
    for i in range(steps):
        middle = x + h / 2 * velocity("midpoint", field, x, i * h)
        x = x + h * velocity("midpoint", field, middle, (i + 0.5) * h)
    return x


@kernel
def heun(field: Field, x: Tensor, steps: int) -> Tensor:
    """Flow from t = 0 to 1 by Heun's rule, second order.

    x_{i+1} = x_i + h/2 (k1 + k2),  k1 = v(x_i, t_i),  k2 = v(x_i + h k1, t_i + h)

    Args:
        field: (x, t) -> velocity (..., A).
        x: noise (..., A).
        steps: >= 1.

    Returns:
        x1 (..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: Hairer, Nørsett & Wanner, II.1.
    """
    h = 1 / steps
    for i in range(steps):
        k1 = velocity("heun", field, x, i * h)
        k2 = velocity("heun", field, x + h * k1, (i + 1) * h)
        x = x + h / 2 * (k1 + k2)
    return x


@kernel
def reverse_euler(field: Field, x1: Tensor, t: Tensor, steps: int) -> Tensor:
    """Explicit reversal of the flow from data at time 1 down to each sample's own time t.

    x ← x - d v(x, 1 - i d),  i = 0..steps-1,  d = (1-t)/steps

    Args:
        field: (x, t) -> velocity (..., A).
        x1: data (..., A).
        t: final time of each sample in [0, 1], (..., 1); where it is 1, x1 comes back bit for bit.
        steps: >= 1.

    Returns:
        x_t (..., A).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: RQL eqs. 8, 16.
    """
    d = (1 - t) / steps
    x = x1
    for i in range(steps):
        x = x - d * velocity("reverse_euler", field, x, 1 - i * d)
    return x


@kernel
def invert_euler(field: Field, x1: Tensor, steps: int, iterations: int) -> tuple[Tensor, Tensor]:
    """The exact inverse of `euler` by fixed-point iteration, with what is left of each step's equation.

    solve x_k = x_{k+1} - h v(x_k, t_k) for k = steps-1..0, each from x_{k+1} by `iterations` substitutions;
    residual = max_k ‖x_k + h v(x_k, t_k) - x_{k+1}‖, a diagnosis without gradient

    Args:
        field: (x, t) -> velocity (..., A).
        x1: data (..., A).
        steps: >= 1.
        iterations: substitutions per step, >= 1.

    Returns:
        x0 (..., A) and residual (...).

    Raises:
        ContractError: an argument or what `field` returned is outside the contract.

    Source: veloq; converges when h Lip(v) < 1.
    """
    h = 1 / steps
    later, residuals = x1, []
    for k in reversed(range(steps)):
        t = time_like(x1, k * h)
        x = later
        for _ in range(iterations):
            x = later - h * velocity("invert_euler", field, x, t)
        left = x - later + h * velocity("invert_euler", field, x, t)
        residuals.append(torch.linalg.vector_norm(stop_gradient(left), dim=-1))
        later = x
    return later, torch.stack(residuals).amax(0)
