"""Adjoint matching. Throughout h = 1/T, t_i = i h, s_i = memoryless_sigma(t_i, h)."""

import math

import numpy as np

from .derivatives import jacobian
from .precision import Array, Critic, Field, Scalar, at_time, empty, evaluate, in_float64
from .schedules import shifted_sigma


@in_float64
def memoryless_sde(field: Field, last_field: Field, x0: Array, noises: Array) -> Array:
    """Rollout of the memoryless SDE; the last step is noise-free and uses `last_field` once.

        x_{i+1} = x_i + h (2 field(x_i, t_i) - x_i/(t_i+h)) + √h s_i noise_i   for i < T-1
        x_T = x_{T-1} + h last_field(x_{T-1}, t_{T-1})

    Args:
        field: velocity of the policy, v(x, t).
        last_field: velocity of the last step.
        x0: noise `(..., A)`.
        noises: standard normal `(T-1, ..., A)`.

    Returns:
        xs `(T+1, ..., A)`; no gradient to anything.

    Raises:
        ContractError: an argument, or what a field returned, outside the contract.

    Source: QAM eqs. 7, 24; shift and last step are the released code's.
    """
    T = noises.shape[0] + 1
    h = 1.0 / T
    xs = np.empty((T + 1, *x0.shape))
    xs[0] = x0
    for i in range(T - 1):
        t = i / T
        v = evaluate("memoryless_sde", "field", field, x0.shape, xs[i], at_time(x0, t)).real
        # drift 2 v - x/(t+h), diffusion s_i
        drift = 2.0 * v - xs[i] / (t + h)
        # x_{i+1} = x_i + h drift + √h s_i noise_i
        xs[i + 1] = xs[i] + h * drift + math.sqrt(h) * shifted_sigma(t, h) * noises[i]
    v = evaluate("memoryless_sde", "last_field", last_field, x0.shape, xs[T - 1], at_time(x0, (T - 1) / T)).real
    # x_T = x_{T-1} + h last_field(x_{T-1}, t_{T-1})
    xs[T] = xs[T - 1] + h * v
    return xs


@in_float64
def adjoint_terminal(critic: Critic, x: Array, inv_temp: Scalar) -> Array:
    """QAM's terminal condition; coordinates outside [-1, 1] get exactly zero, the ends are inside.

        g = -inv_temp ∇_x mean_K critic(clip(x, -1, 1))

    Args:
        critic: values `(K, ...)` of actions `(..., A)`.
        x: end of the rollout `(..., A)`.
        inv_temp: inverse temperature, ≥ 0.

    Returns:
        terminal `(..., A)`; no gradient to anything.

    Raises:
        ContractError: an argument, or what the critic returned, outside the contract.

    Source: QAM eq. 25 (boundary condition), clipped as in the released code.
    """

    def mean_value(action: Array) -> Array:
        q = checked_values("adjoint_terminal", critic, action)
        total = q[0]
        for member in q[1:]:
            total = total + member
        return np.expand_dims(total / len(q), -1)

    inside = np.abs(x) <= 1.0
    slopes = jacobian(mean_value, np.where(inside, x, np.sign(x)))[..., 0, :]
    terminal = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        # ∂clip(x)/∂x is 1 inside and 0 outside
        if inside[index]:
            terminal[index] = -float(inv_temp) * slopes[index]
    return terminal


def checked_values(kernel_name: str, critic: Critic, action: Array) -> Array:
    """A critic's values `(K, ...)` at actions `(..., A)`, whatever K is."""
    members = (*getattr(value := critic(action), "shape", ()), 1)[0]
    return evaluate(kernel_name, "critic", lambda _: value, (members, *action.shape[:-1]), action)


@in_float64
def lean_adjoint(base: Field, xs: Array, terminal: Array) -> Array:
    """Lean adjoint of the base flow, as the released code discretises it; gs[T] is `terminal`.

        g_i = g_{i+1} + h J_iᵀ g_{i+1},   J_i = ∂/∂x [2 base(x, t_i+h) - x/(t_i+h)] at x = xs[i]

    Args:
        base: velocity of the base flow; each sample's velocity depends on that sample alone.
        xs: a rollout `(T+1, ..., A)`.
        terminal: g at time 1, `(..., A)`.

    Returns:
        gs `(T+1, ..., A)`; no gradient to anything.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: QAM eqs. 22, 25; evaluation point as released.
    """
    T = xs.shape[0] - 1
    gs = np.empty(xs.shape)
    gs[T] = terminal
    for i in range(T - 1, -1, -1):
        # J_i = ∂/∂x [2 base(x, t_i+h) - x/(t_i+h)] at x = xs[i]
        J = _drift_jacobian("lean_adjoint", "base", base, xs[i], time=(i + 1) / T, shifted=(i + 1) / T)
        # g_i = g_{i+1} + h J_iᵀ g_{i+1}
        gs[i] = gs[i + 1] + transposed_product(J, gs[i + 1]) / T
    return gs


@in_float64
def lean_adjoint_heun(base: Field, xs: Array, terminal: Array) -> Array:
    """Lean adjoint by Heun's rule after dividing out the pole at t = 0; second order.

        g = t ĝ,   dĝ/dt = -2 (∂base/∂x)ᵀ ĝ   by Heun between (t_{i+1}, xs[i+1]) and (t_i, xs[i])

    Args:
        base: velocity of the base flow; each sample's velocity depends on that sample alone.
        xs: a rollout `(T+1, ..., A)`.
        terminal: g at time 1, `(..., A)`.

    Returns:
        gs `(T+1, ..., A)`, zero at t = 0; no gradient to anything.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: veloq; QAM eq. 22 with g = t ĝ.
    """
    T = xs.shape[0] - 1
    h = 1.0 / T

    def slope(i: int, ghat: Array) -> Array:
        # dĝ/dt = -2 (∂base/∂x)ᵀ ĝ at (xs[i], t_i)
        J = _field_jacobian("lean_adjoint_heun", "base", base, xs[i], i / T)
        return -2.0 * transposed_product(J, ghat)

    # g = t ĝ, so ĝ = g at t = 1
    ghat = terminal
    gs = np.empty(xs.shape)
    gs[T] = terminal
    for i in range(T - 1, -1, -1):
        # a step of -h: Euler's guess, then the mean of the slopes at both ends
        at_start = slope(i + 1, ghat)
        at_end = slope(i, ghat - h * at_start)
        ghat = ghat - h * (at_start + at_end) / 2.0
        gs[i] = (i / T) * ghat
    return gs


@in_float64
def adjoint_matching_loss(v: Array, v_base: Array, gs: Array) -> Array:
    """Adjoint matching loss per sample: summed over steps and dimensions, gradient to `v` alone.

        Σ_i Σ_dims [2 (v_i - v_base_i)/s_i + s_i g_i]²,   i = 0..T-1

    Args:
        v: velocity of the policy along the rollout `(T, ..., A)`.
        v_base: velocity of the base flow there `(T, ..., A)`.
        gs: adjoint `(T+1, ..., A)`; its last entry is not used.

    Returns:
        Loss per sample `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eqs. 14, 21 (sum over steps as released).
    """
    T = v.shape[0]
    loss = empty(v.shape[1:-1], v)
    for b in np.ndindex(loss.shape):
        total = 0.0
        for i in range(T):
            s = shifted_sigma(i / T, 1.0 / T)
            for d in range(v.shape[-1]):
                # [2 (v_i - v_base_i)/s_i + s_i g_i]²
                residual = 2.0 * (v[(i, *b, d)] - v_base[(i, *b, d)]) / s + s * gs[(i, *b, d)]
                total = total + residual * residual
        loss[b] = total
    return loss


@in_float64
def basic_adjoint(field: Field, base: Field, last_field: Field, xs: Array, terminal: Array) -> Array:
    """Exact discrete adjoint of the stochastic-control objective along `memoryless_sde`.

        g_i = g_{i+1} + h ∂/∂x[2 field - x/(t_i+h)]ᵀ g_{i+1} + h ∇_x 2‖field - base‖²/s_i²  at (xs[i], t_i), i < T-1
        g_{T-1} = g_T + h (∂last_field/∂x)ᵀ g_T  at (xs[T-1], t_{T-1})

    Args:
        field: velocity of the policy; in all three, each sample's velocity depends on that sample alone.
        base: velocity of the base flow.
        last_field: velocity of the last step.
        xs: the rollout `(T+1, ..., A)`.
        terminal: gradient of the terminal cost `(..., A)`.

    Returns:
        gs `(T+1, ..., A)`; no gradient to anything.

    Raises:
        ContractError: an argument, or what a field returned, outside the contract.

    Source: QAM eqs. 8, 10-12 (running cost with its missing factor).
    """
    T = xs.shape[0] - 1
    h = 1.0 / T
    gs = np.empty(xs.shape)
    gs[T] = terminal
    # g_{T-1} = g_T + h (∂last_field/∂x)ᵀ g_T
    J = _field_jacobian("basic_adjoint", "last_field", last_field, xs[T - 1], (T - 1) / T)
    gs[T - 1] = gs[T] + h * transposed_product(J, gs[T])
    for i in range(T - 2, -1, -1):
        x, t, s = xs[i], i / T, shifted_sigma(i / T, h)

        def running_cost(x: Array, t: float = t, s: float = s) -> Array:
            v = evaluate("basic_adjoint", "field", field, x.shape, x, at_time(x, t))
            v_base = evaluate("basic_adjoint", "base", base, x.shape, x, at_time(x, t))
            # ½ ‖2 (field - base)/s‖² = 2 ‖field - base‖²/s²
            control = 2.0 * (v - v_base) / s
            return np.asarray(np.sum(control * control, axis=-1, keepdims=True) / 2.0)

        # g_i = g_{i+1} + h J_iᵀ g_{i+1} + h ∇_x cost
        J = _drift_jacobian("basic_adjoint", "field", field, x, time=t, shifted=(i + 1) / T)
        gs[i] = gs[i + 1] + h * transposed_product(J, gs[i + 1]) + h * jacobian(running_cost, x)[..., 0, :]
    return gs


def _field_jacobian(kernel_name: str, what: str, field: Field, x: Array, time: float) -> Array:
    return jacobian(lambda moved: evaluate(kernel_name, what, field, x.shape, moved, at_time(x, time)), x)


def _drift_jacobian(kernel_name: str, what: str, field: Field, x: Array, time: float, shifted: float) -> Array:
    def drift(moved: Array) -> Array:
        # drift of the memoryless SDE, 2 v(x, t) - x/(t+h)
        return 2.0 * evaluate(kernel_name, what, field, x.shape, moved, at_time(x, time)) - moved / shifted

    return jacobian(drift, x)


def transposed_product(J: Array, g: Array) -> Array:
    """Jᵀ g of every sample, from the definition (Jᵀ g)_d = Σ_k J_kd g_k."""
    product = np.zeros(g.shape)
    for d in range(g.shape[-1]):
        for k in range(g.shape[-1]):
            product[..., d] += J[..., k, d] * g[..., k]
    return product
