"""Adjoint matching. Throughout h = 1/T, t_i = i h, s_i = memoryless_sigma(t_i, h)."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .callables import Critic, Field, pullback, values, velocity_at
from .routing import Scalar, arrays, constant, frozen
from .schedules import sigma


def _times(steps: int, like: Array) -> Array:
    """t_0..t_T, both ends included."""
    return jnp.arange(steps + 1, dtype=like.dtype) / steps


@kernel
def memoryless_sde(field: Field, last_field: Field, x0: Array, noises: Array) -> Array:
    """x_{i+1} = x_i + h (2 field(x_i, t_i) - x_i/(t_i+h)) + √h s_i noise_i for i < T-1.

    The last step is x_T = x_{T-1} + h last_field(x_{T-1}, t_{T-1}). No gradient flows to anything.
    """
    x0, noises = frozen(x0, noises)
    steps = noises.shape[0] + 1
    h = 1 / steps
    t = _times(steps, x0)

    def step(x: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        t, noise = row
        v = lax.stop_gradient(velocity_at("memoryless_sde", "field", field, x, t))
        x_next = x + h * (2 * v - x / (t + h)) + h**0.5 * sigma(t, h) * noise
        return x_next, x_next

    x, xs = lax.scan(step, x0, (t[:-2], noises))
    v = lax.stop_gradient(velocity_at("memoryless_sde", "last_field", last_field, x, t[-2]))
    return lax.stop_gradient(jnp.concatenate([x0[None], xs, (x + h * v)[None]]))


@kernel
def adjoint_terminal(critic: Critic, x: Array, inv_temp: Scalar) -> Array:
    """g = -inv_temp ∇_x mean_K critic(clip(x, -1, 1)), zero outside [-1, 1], the ends inside; no gradient."""
    (x,) = frozen(x)
    grad = pullback(
        lambda a: jnp.mean(values("adjoint_terminal", critic, a), axis=0),
        jnp.clip(x, -1, 1),
        jnp.ones(x.shape[:-1], x.dtype),
    )
    # The derivative of clip at exactly ±1 differs between frameworks, so the mask is written out.
    return lax.stop_gradient(jnp.where(jnp.abs(x) <= 1, -constant(inv_temp, x) * grad, 0))


@kernel
def lean_adjoint(base: Field, xs: Array, terminal: Array) -> Array:
    """g_i = g_{i+1} + h J_iᵀ g_{i+1}, J_i = ∂/∂x [2 base(x, t_i+h) - x/(t_i+h)] at x = xs[i], gs[T] = terminal."""
    xs, terminal = frozen(xs, terminal)
    steps = xs.shape[0] - 1
    h = 1 / steps

    def step(g: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        x, later = row
        jvp = pullback(lambda x: velocity_at("lean_adjoint", "base", base, x, later), x, g)
        g = lax.stop_gradient(g + h * (2 * jvp - g / later))
        return g, g

    _, gs = lax.scan(step, terminal, (xs[:-1], _times(steps, xs)[1:]), reverse=True)
    return jnp.concatenate([gs, terminal[None]])


@kernel
def lean_adjoint_heun(base: Field, xs: Array, terminal: Array) -> Array:
    """g = t ĝ with dĝ/dt = -2 (∂base/∂x)ᵀ ĝ, by Heun's rule between (t_{i+1}, xs[i+1]) and (t_i, xs[i])."""
    xs, terminal = frozen(xs, terminal)
    steps = xs.shape[0] - 1
    h = 1 / steps
    t = _times(steps, xs)

    def slope(x: Array, t: Array, g: Array) -> Array:
        product = pullback(lambda x: velocity_at("lean_adjoint_heun", "base", base, x, t), x, g)
        return lax.stop_gradient(2 * product)

    def step(g: Array, row: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        x_next, t_next, x, t = row
        k1 = slope(x_next, t_next, g)
        k2 = slope(x, t, g + h * k1)
        g = g + h / 2 * (k1 + k2)
        return g, t * g

    _, gs = lax.scan(step, terminal, (xs[1:], t[1:], xs[:-1], t[:-1]), reverse=True)
    return jnp.concatenate([gs, terminal[None]])


@kernel
def adjoint_matching_loss(v: Array, v_base: Array, gs: Array) -> Array:
    """Σ_i Σ_dims [2 (v_i - v_base_i)/s_i + s_i g_i]², i = 0..T-1, per sample; gradient to `v` alone."""
    (v,) = arrays(v)
    v_base, gs = frozen(v_base, gs)
    steps = v.shape[0]
    s = sigma(_times(steps, v)[:-1], 1 / steps).reshape(steps, *(1,) * (v.ndim - 1))
    return jnp.sum(jnp.square(2 * (v - v_base) / s + s * gs[:-1]), axis=(0, -1))


@kernel
def basic_adjoint(field: Field, base: Field, last_field: Field, xs: Array, terminal: Array) -> Array:
    """g_i = g_{i+1} + h ∂/∂x[2 field - x/(t_i+h)]ᵀ g_{i+1} + h ∇_x 2‖field - base‖²/s_i² at (xs[i], t_i), i < T-1.

    The last step is g_{T-1} = g_T + h (∂last_field/∂x)ᵀ g_T at (xs[T-1], t_{T-1}). No gradient to anything.
    """
    xs, terminal = frozen(xs, terminal)
    steps = xs.shape[0] - 1
    h = 1 / steps
    t = _times(steps, xs)
    product = pullback(lambda x: velocity_at("basic_adjoint", "last_field", last_field, x, t[-2]), xs[-2], terminal)
    last = lax.stop_gradient(terminal + h * product)

    def step(g: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        x, t = row

        def hamiltonian(x: Array) -> Array:
            v = velocity_at("basic_adjoint", "field", field, x, t)
            residual = v - velocity_at("basic_adjoint", "base", base, x, t)
            cost = 2 * jnp.sum(jnp.square(residual)) / jnp.square(sigma(t, h))
            return jnp.sum((2 * v - x / (t + h)) * g) + cost

        g = lax.stop_gradient(g + h * jax.grad(hamiltonian)(x))
        return g, g

    _, gs = lax.scan(step, last, (xs[:-2], t[:-2]), reverse=True)
    return jnp.concatenate([gs, last[None], terminal[None]])
