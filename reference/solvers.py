"""Solvers of the flow ODE dx/dt = v(x, t), forwards and backwards."""

import math

import numpy as np

from .precision import Array, Field, at_time, evaluate, in_float64


@in_float64
def euler(field: Field, x: Array, steps: int) -> Array:
    """Flow from t = 0 to 1 by Euler steps, velocity at the start of each step, no clipping.

        x_{i+1} = x_i + h v(x_i, i h),   h = 1/steps

    Args:
        field: velocity v(x, t), called with x `(..., A)` and t `(..., 1)`.
        x: noise `(..., A)`.
        steps: at least 1.

    Returns:
        x(1) `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: QAM eqs. 37-39 (index slips corrected).

    >>> print(euler(lambda x, t: x, np.ones(1), 2))
    [2.25]
    """
    return _euler_states("euler", field, x, steps)[-1]


@in_float64
def euler_path(field: Field, x: Array, steps: int) -> Array:
    """All states of `euler`, noise first.

        (x_0, ..., x_T),   x_{i+1} = x_i + h v(x_i, i h)

    Args:
        field: velocity v(x, t).
        x: noise `(..., A)`.
        steps: T, at least 1.

    Returns:
        xs `(T+1, ..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: QAM eqs. 37-39 (index slips corrected).
    """
    return np.stack(_euler_states("euler_path", field, x, steps))


def _euler_states(kernel_name: str, field: Field, x: Array, steps: int) -> list[Array]:
    states = [x]
    for i in range(steps):
        # x_{i+1} = x_i + h v(x_i, i h)
        v = evaluate(kernel_name, "field", field, x.shape, states[i], at_time(x, i / steps))
        states.append(states[i] + v / steps)
    return states


@in_float64
def midpoint(field: Field, x: Array, steps: int) -> Array:
    """Flow from t = 0 to 1 by the explicit midpoint rule, second order.

        x_{i+1} = x_i + h v(x_i + h/2 v(x_i, t_i), t_i + h/2)

    Args:
        field: velocity v(x, t).
        x: noise `(..., A)`.
        steps: at least 1.

    Returns:
        x(1) `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: Hairer, Nørsett & Wanner, II.1.
    """
    # tableau: c = (0, 1/2), a_21 = 1/2, b = (0, 1)
    return _two_stages("midpoint", field, x, steps, c=0.5, b=(0.0, 1.0))


@in_float64
def heun(field: Field, x: Array, steps: int) -> Array:
    """Flow from t = 0 to 1 by Heun's rule, second order.

        x_{i+1} = x_i + h/2 (k1 + k2),   k1 = v(x_i, t_i),   k2 = v(x_i + h k1, t_i + h)

    Args:
        field: velocity v(x, t).
        x: noise `(..., A)`.
        steps: at least 1.

    Returns:
        x(1) `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: Hairer, Nørsett & Wanner, II.1.
    """
    # tableau: c = (0, 1), a_21 = 1, b = (1/2, 1/2)
    return _two_stages("heun", field, x, steps, c=1.0, b=(0.5, 0.5))


def _two_stages(kernel_name: str, field: Field, x: Array, steps: int, c: float, b: tuple[float, float]) -> Array:
    h = 1.0 / steps
    for i in range(steps):
        # k1 = v(x, t_i),  k2 = v(x + c h k1, t_i + c h),  x ← x + h (b_1 k1 + b_2 k2)
        k1 = evaluate(kernel_name, "field", field, x.shape, x, at_time(x, i / steps))
        k2 = evaluate(kernel_name, "field", field, x.shape, x + c * h * k1, at_time(x, (i + c) / steps))
        x = x + h * (b[0] * k1 + b[1] * k2)
    return x


@in_float64
def reverse_euler(field: Field, x1: Array, t: Array, steps: int) -> Array:
    """Explicit reversal of the flow from data at time 1 down to each sample's own time t.

        x ← x - d v(x, 1 - i d),   i = 0..steps-1,   d = (1-t)/steps

    The velocity is taken at the later time of each step. At t = 1 nothing moves.

    Args:
        field: velocity v(x, t).
        x1: data `(..., A)`.
        t: time to stop at, in [0, 1], `(..., 1)`.
        steps: at least 1.

    Returns:
        x_t `(..., A)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: RQL eqs. 8, 16.
    """
    x = x1
    for i in range(steps):
        # d = (1-t)/steps: how far apart the times of one sample are
        d = (1.0 - t) / steps
        # x ← x - d v(x, 1 - i d)
        x = x - d * evaluate("reverse_euler", "field", field, x.shape, x, 1.0 - i * d)
    return x


@in_float64
def invert_euler(field: Field, x1: Array, steps: int, iterations: int) -> tuple[Array, Array]:
    """The exact inverse of `euler` by fixed-point iteration, with what is left of each step's equation.

        solve x_k = x_{k+1} - h v(x_k, t_k) for k = steps-1..0
        residual = max_k ‖x_k + h v(x_k, t_k) - x_{k+1}‖

    Each step starts at x_{k+1} and runs exactly `iterations` iterations; it converges when h Lip(v) < 1. The
    residual is a diagnosis and carries no gradient.

    Args:
        field: velocity v(x, t).
        x1: data `(..., A)`.
        steps: of the `euler` that is inverted, at least 1.
        iterations: per step, at least 1.

    Returns:
        x0 `(..., A)` and residual `(...)`.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: veloq.
    """
    h = 1.0 / steps
    residual = np.zeros(x1.shape[:-1])
    later = x1
    for k in reversed(range(steps)):
        time = at_time(x1, k / steps)
        x = later
        for _ in range(iterations):
            # x ← x_{k+1} - h v(x, t_k)
            x = later - h * evaluate("invert_euler", "field", field, x.shape, x, time)
        left = x + h * evaluate("invert_euler", "field", field, x.shape, x, time) - later
        for b in np.ndindex(residual.shape):
            # ‖x_k + h v(x_k, t_k) - x_{k+1}‖
            norm = math.sqrt(sum(float(entry) ** 2 for entry in left[b].real))
            residual[b] = max(float(residual[b]), norm)
        later = x
    return later, residual
