"""The main kernels as a user would write them in JAX: no argument checks, no care for edges."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax


def _time(x: Array, t: Any) -> Array:
    return jnp.full((*x.shape[:-1], 1), t)


def euler(field: Any, x: Array, steps: int) -> Array:
    """A scan over the steps."""

    def step(x: Array, i: Array) -> tuple[Array, None]:
        return x + field(x, _time(x, i / steps)) / steps, None

    return lax.scan(step, x, jnp.arange(steps, dtype=x.dtype))[0]


def memoryless_sde(field: Any, last_field: Any, x0: Array, noises: Array) -> Array:
    """A scan over the noisy steps, then the last one."""
    steps = noises.shape[0] + 1
    h = 1 / steps

    def step(x: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        t, noise = inputs
        sigma = jnp.sqrt(2 * (1 - t + h) / (t + h))
        x = x + h * (2 * field(x, _time(x, t)) - x / (t + h)) + jnp.sqrt(h) * sigma * noise
        return x, x

    x, xs = lax.scan(step, x0, (jnp.arange(steps - 1) * h, noises))
    return jnp.concatenate([x0[None], xs, (x + h * last_field(x, _time(x, 1 - h)))[None]])


def lean_adjoint(base: Any, xs: Array, terminal: Array) -> Array:
    """A reversed scan of vector-Jacobian products."""
    steps = xs.shape[0] - 1
    h = 1 / steps

    def step(g: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        x, t = inputs
        pull = jax.vjp(lambda y: 2 * base(y, _time(y, t + h)) - y / (t + h), x)[1]
        g = g + h * pull(g)[0]
        return g, g

    gs = lax.scan(step, terminal, (xs[:-1], jnp.arange(steps) * h), reverse=True)[1]
    return jnp.concatenate([gs, terminal[None]])


def adjoint_matching_loss(v: Array, v_base: Array, gs: Array) -> Array:
    """One expression."""
    steps = v.shape[0]
    h = 1 / steps
    t = (jnp.arange(steps) * h).reshape(-1, *(1,) * (v.ndim - 1))
    sigma = jnp.sqrt(2 * (1 - t + h) / (t + h))
    return jnp.sum((2 * (v - v_base) / sigma + sigma * gs[:-1]) ** 2, axis=(0, -1))


def meanflow_target(u: Any, x_t: Array, v: Array, t: Array, r: Array) -> Array:
    """One Jacobian-vector product."""
    derivative: Array = jax.jvp(u, (x_t, t, r), (v, jnp.ones_like(t), jnp.zeros_like(r)))[1]
    return v + (r - t) * derivative


def td_target_pessimistic(q_next: Array, reward: Array, discount: float, mask: Array, rho: float) -> Array:
    """One expression."""
    lower: Array = q_next.mean(0) - rho * q_next.std(0)
    return reward + discount * mask * lower


def flow_td_target(reward: Array, discount: Array, s_next: Array) -> Array:
    """One expression."""
    return reward + discount * s_next


def ddpm_step(denoised: Array, x: Array, noise: Array, beta: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """Mean of the conditional law, as Ho et al. print it, and noise."""
    mean = jnp.sqrt(alpha_bar_next) * beta * denoised + jnp.sqrt(1 - beta) * (1 - alpha_bar_next) * x
    return mean / (1 - alpha_bar) + jnp.sqrt(beta) * noise


def ddim_step(denoised: Array, x: Array, alpha_bar: Array, alpha_bar_next: Array) -> Array:
    """Predicted noise, then the other level."""
    epsilon = (x - jnp.sqrt(alpha_bar) * denoised) / jnp.sqrt(1 - alpha_bar)
    return jnp.sqrt(alpha_bar_next) * denoised + jnp.sqrt(1 - alpha_bar_next) * epsilon


def best_of_n(candidates: Array, q: Array) -> Array:
    """Argmax and gather."""
    return jnp.take_along_axis(candidates, jnp.argmax(q, axis=0)[None, ..., None], axis=0)[0]


def expectile_loss(diff: Array, kappa: Any) -> Array:
    """One expression."""
    return jnp.where(diff > 0, kappa, 1 - kappa) * diff**2
