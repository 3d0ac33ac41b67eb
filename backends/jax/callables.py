"""Calling a user's field or critic: times filled in, shapes checked while tracing."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from ...core.contract import check_returned
from .routing import Scalar

Field = Callable[[Array, Array], Array]
AverageField = Callable[[Array, Array, Array], Array]
Critic = Callable[[Array], Array]
Aggregate = Callable[[Array], Array]


def filled(x: Array, time: Scalar) -> Array:
    """One time for every sample of `x`: shape (..., 1)."""
    return jnp.full((*x.shape[:-1], 1), time, dtype=x.dtype)


def velocity(kernel: str, name: str, field: Field, x: Array, t: Array) -> Array:
    """`field(x, t)`, checked to be shaped like `x` and in its dtype."""
    v = field(x, t)
    check_returned(kernel, name, v, x.shape)
    return v.astype(x.dtype)


def velocity_at(kernel: str, name: str, field: Field, x: Array, time: Scalar) -> Array:
    """`velocity` with the same time for every sample."""
    return velocity(kernel, name, field, x, filled(x, time))


def average_velocity(kernel: str, u: AverageField, x: Array, t: Array, r: Array) -> Array:
    """`u(x, t, r)`, checked to be shaped like `x` and in its dtype."""
    v = u(x, t, r)
    check_returned(kernel, "u", v, x.shape)
    return v.astype(x.dtype)


def values(kernel: str, critic: Critic, a: Array) -> Array:
    """`critic(a)`, checked to have one member axis in front of the batch."""
    q = critic(a)
    members = tuple(getattr(q, "shape", ()))[:1] or (1,)
    check_returned(kernel, "critic", q, (*members, *a.shape[:-1]))
    return q.astype(a.dtype)


def pullback(function: Callable[[Array], Array], x: Array, cotangent: Array) -> Array:
    """The vector-Jacobian product of `function` at `x`."""
    _, transpose = jax.vjp(function, x)
    product: Array = transpose(cotangent)[0]
    return product
