"""Adjoint matching. Throughout h = 1/T, t_i = i h, s_i = memoryless_sigma(t_i, h)."""

import math

import torch
from torch import Tensor

from ...core.contract import kernel
from .routing import Critic, Field, Scalar, constant, critic_values, pullback, time_like, velocity, without_gradient


def _sigma(i: int, steps: int) -> float:
    """s_i = √(2 (1-t_i+h)/(t_i+h)), exactly √(2 (T-i+1)/(i+1))."""
    return math.sqrt(2 * (steps - i + 1) / (i + 1))


@kernel
@without_gradient
def memoryless_sde(field: Field, last_field: Field, x0: Tensor, noises: Tensor) -> Tensor:
    """Rollout of the memoryless SDE; the last step is noise-free and uses `last_field` once.

    x_{i+1} = x_i + h (2 field(x_i, t_i) - x_i/(t_i+h)) + √h s_i noise_i for i < T-1;
    x_T = x_{T-1} + h last_field(x_{T-1}, t_{T-1}); no gradient to anything.

    Args:
        field: (x, t) -> velocity (..., A).
        last_field: (x, t) -> velocity (..., A).
        x0: noise (..., A).
        noises: standard normal (T-1, ..., A).

    Returns:
        xs (T+1, ..., A).

    Raises:
        ContractError: an argument or what a field returned is outside the contract.

    Source: QAM eqs. 7, 24; shift and last step are the released code's.
    """
    steps = noises.shape[0] + 1
    h = 1 / steps
    x, xs = x0, [x0]
    for i in range(steps - 1):
        v = velocity("memoryless_sde", field, x, i * h)
        # h x/(t_i+h) = x/(i+1)
        drifted = x * (i / (i + 1)) + 2 * h * v
        x = drifted + math.sqrt(h) * _sigma(i, steps) * noises[i]
        xs.append(x)
    last = velocity("memoryless_sde", last_field, x, (steps - 1) * h, "last_field")
    xs.append(x + h * last)
    return torch.stack(xs)


@kernel
@without_gradient
def adjoint_terminal(critic: Critic, x: Tensor, inv_temp: Scalar) -> Tensor:
    """QAM's terminal condition; coordinates outside [-1, 1] get exactly zero, the ends are inside.

    g = -inv_temp ∇_x mean_K critic(clip(x, -1, 1)); no gradient to anything.

    Args:
        critic: a -> values (K, ...).
        x: end of the rollout (..., A).
        inv_temp: >= 0.

    Returns:
        terminal (..., A).

    Raises:
        ContractError: an argument or what `critic` returned is outside the contract.

    Source: QAM eq. 25 (boundary condition), clipped as in the released code.
    """
    grad = torch.func.grad(lambda a: critic_values("adjoint_terminal", critic, a).mean(0).sum())(x.clamp(-1, 1))
    # Autodiff through clip would halve the gradient at exactly ±1 in one framework and not in the other.
    return torch.where(x.abs() <= 1, -constant(inv_temp, x) * grad, 0)


@kernel
@without_gradient
def lean_adjoint(base: Field, xs: Tensor, terminal: Tensor) -> Tensor:
    """Lean adjoint of the base flow, as the released code discretises it; gs[T] is `terminal`.

    g_i = g_{i+1} + h J_iᵀ g_{i+1},  J_i = ∂/∂x [2 base(x, t_i+h) - x/(t_i+h)] at x = xs[i]; no gradient.

    Args:
        base: (x, t) -> velocity (..., A).
        xs: rollout (T+1, ..., A).
        terminal: g_T (..., A).

    Returns:
        gs (T+1, ..., A).

    Raises:
        ContractError: an argument or what `base` returned is outside the contract.

    Source: QAM eqs. 22, 25; evaluation point as released.
    """
    steps = xs.shape[0] - 1
    h = 1 / steps
    g, gs = terminal, [terminal]
    for i in reversed(range(steps)):
        transpose = pullback("lean_adjoint", base, xs[i], (i + 1) * h)
        # h g/(t_i+h) = g/(i+1)
        g = g * (i / (i + 1)) + 2 * h * transpose(g)
        gs.append(g)
    return torch.stack(gs[::-1])


@kernel
@without_gradient
def lean_adjoint_heun(base: Field, xs: Tensor, terminal: Tensor) -> Tensor:
    """Lean adjoint by Heun's rule after dividing out the pole at t = 0; second order.

    g = t ĝ,  dĝ/dt = -2 (∂base/∂x)ᵀ ĝ by Heun between (t_{i+1}, xs[i+1]) and (t_i, xs[i]); no gradient.

    Args:
        base: (x, t) -> velocity (..., A).
        xs: rollout (T+1, ..., A).
        terminal: g_T (..., A).

    Returns:
        gs (T+1, ..., A); gs[0] is zero.

    Raises:
        ContractError: an argument or what `base` returned is outside the contract.

    Source: veloq; QAM eq. 22 with g = t ĝ.
    """
    steps = xs.shape[0] - 1
    h = 1 / steps
    later = pullback("lean_adjoint_heun", base, xs[steps], 1.0)
    scaled, gs = terminal, [terminal]
    for i in reversed(range(steps)):
        earlier = pullback("lean_adjoint_heun", base, xs[i], i * h)
        k1 = later(scaled)
        k2 = earlier(scaled + 2 * h * k1)
        scaled = scaled + h * (k1 + k2)
        gs.append(scaled * (i * h))
        later = earlier
    return torch.stack(gs[::-1])


@kernel
def adjoint_matching_loss(v: Tensor, v_base: Tensor, gs: Tensor) -> Tensor:
    """Adjoint matching loss per sample: summed over steps and dimensions, gradient to `v` alone.

    Σ_i Σ_dims [2 (v_i - v_base_i)/s_i + s_i g_i]²,  i = 0..T-1

    Args:
        v: fine-tuned velocities (T, ..., A).
        v_base: base velocities (T, ..., A); no gradient.
        gs: lean adjoint (T+1, ..., A); no gradient.

    Returns:
        Loss (...).

    Raises:
        ContractError: an argument has the wrong shape or dtype.

    Source: QAM eqs. 14, 21 (sum over steps as released).
    """
    steps = v.shape[0]
    i = torch.arange(steps, dtype=v.dtype, device=v.device).reshape(-1, *(1,) * (v.ndim - 1))
    sigma = (2 * (steps + 1 - i) / (i + 1)).sqrt()
    error = (v - v_base.detach()) * (2 / sigma) + sigma * gs[:-1].detach()
    return error.square().sum((0, -1))


@kernel
@without_gradient
def basic_adjoint(field: Field, base: Field, last_field: Field, xs: Tensor, terminal: Tensor) -> Tensor:
    """Exact discrete adjoint of the stochastic-control objective along `memoryless_sde`.

    g_i = g_{i+1} + h ∂/∂x[2 field - x/(t_i+h)]ᵀ g_{i+1} + h ∇_x 2‖field - base‖²/s_i² at (xs[i], t_i), i < T-1;
    g_{T-1} = g_T + h (∂last_field/∂x)ᵀ g_T at (xs[T-1], t_{T-1}); no gradient to anything.

    Args:
        field: (x, t) -> velocity (..., A).
        base: (x, t) -> velocity (..., A).
        last_field: (x, t) -> velocity (..., A).
        xs: rollout (T+1, ..., A).
        terminal: g_T (..., A).

    Returns:
        gs (T+1, ..., A).

    Raises:
        ContractError: an argument or what a field returned is outside the contract.

    Source: QAM eqs. 8, 10-12 (running cost with its missing factor).
    """
    steps = xs.shape[0] - 1
    h = 1 / steps
    last = pullback("basic_adjoint", last_field, xs[steps - 1], (steps - 1) * h, "last_field")
    g = terminal + h * last(terminal)
    gs = [terminal, g]
    for i in reversed(range(steps - 1)):
        t, weight, held = time_like(terminal, i * h), 2 / _sigma(i, steps) ** 2, g

        def hamiltonian(x: Tensor, t: Tensor = t, weight: float = weight, g: Tensor = held) -> Tensor:
            v = velocity("basic_adjoint", field, x, t)
            change = v - velocity("basic_adjoint", base, x, t, "base")
            return (2 * v * g + weight * change.square()).sum()

        g = g * (i / (i + 1)) + h * torch.func.grad(hamiltonian)(xs[i])
        gs.append(g)
    return torch.stack(gs[::-1])
