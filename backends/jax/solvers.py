"""Solvers of the flow ODE, forwards and backwards. Velocities are never clipped inside."""

import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .callables import Field, velocity, velocity_at
from .routing import arrays


def _starts(x: Array, steps: int) -> Array:
    return jnp.arange(steps, dtype=x.dtype) / steps


@kernel
def euler(field: Field, x: Array, steps: int) -> Array:
    """x_{i+1} = x_i + h v(x_i, i h), h = 1/steps."""
    (x,) = arrays(x)

    def step(x: Array, t: Array) -> tuple[Array, None]:
        return x + velocity_at("euler", "field", field, x, t) / steps, None

    return lax.scan(step, x, _starts(x, steps))[0]


@kernel
def euler_path(field: Field, x: Array, steps: int) -> Array:
    """All states of `euler`, noise first: (steps+1, ..., A)."""
    (x,) = arrays(x)

    def step(x: Array, t: Array) -> tuple[Array, Array]:
        x = x + velocity_at("euler_path", "field", field, x, t) / steps
        return x, x

    return jnp.concatenate([x[None], lax.scan(step, x, _starts(x, steps))[1]])


@kernel
def midpoint(field: Field, x: Array, steps: int) -> Array:
    """x_{i+1} = x_i + h v(x_i + h/2 v(x_i, t_i), t_i + h/2)."""
    (x,) = arrays(x)
    h = 1 / steps

    def step(x: Array, t: Array) -> tuple[Array, None]:
        half = x + h / 2 * velocity_at("midpoint", "field", field, x, t)
        return x + h * velocity_at("midpoint", "field", field, half, t + h / 2), None

    return lax.scan(step, x, _starts(x, steps))[0]


@kernel
def heun(field: Field, x: Array, steps: int) -> Array:
    """x_{i+1} = x_i + h/2 (k1 + k2), k1 = v(x_i, t_i), k2 = v(x_i + h k1, t_i + h)."""
    (x,) = arrays(x)
    h = 1 / steps

    def step(x: Array, t: Array) -> tuple[Array, None]:
        k1 = velocity_at("heun", "field", field, x, t)
        k2 = velocity_at("heun", "field", field, x + h * k1, t + h)
        return x + h / 2 * (k1 + k2), None

    return lax.scan(step, x, _starts(x, steps))[0]


@kernel
def reverse_euler(field: Field, x1: Array, t: Array, steps: int) -> Array:
    """From time 1 down to each sample's t: x ← x - d v(x, 1 - i d), d = (1-t)/steps."""
    x1, t = arrays(x1, t)
    d = (1 - t) / steps

    def step(x: Array, i: Array) -> tuple[Array, None]:
        return x - d * velocity("reverse_euler", "field", field, x, 1 - i * d), None

    return lax.scan(step, x1, jnp.arange(steps, dtype=x1.dtype))[0]


@kernel
def invert_euler(field: Field, x1: Array, steps: int, iterations: int) -> tuple[Array, Array]:
    """Solve x_k = x_{k+1} - h v(x_k, t_k) by `iterations` fixed-point iterations, k = steps-1..0.

    The residual max_k ‖x_k + h v(x_k, t_k) - x_{k+1}‖ is a diagnosis without gradient: where the iteration has
    converged it is rounding noise, and the derivative of its norm says nothing.
    """
    (x1,) = arrays(x1)
    h = 1 / steps

    def step(carry: tuple[Array, Array], t: Array) -> tuple[tuple[Array, Array], None]:
        x_next, residual = carry

        def moved(x: Array) -> Array:
            return h * velocity_at("invert_euler", "field", field, x, t)

        x = lax.fori_loop(0, iterations, lambda _, x: x_next - moved(x), x_next)
        left = lax.stop_gradient(x + moved(lax.stop_gradient(x)) - x_next)
        return (x, jnp.maximum(residual, jnp.linalg.norm(left, axis=-1))), None

    zero = jnp.zeros(x1.shape[:-1], x1.dtype)
    (x0, residual), _ = lax.scan(step, (x1, zero), _starts(x1, steps), reverse=True)
    return x0, residual
