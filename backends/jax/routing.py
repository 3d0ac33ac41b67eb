"""Where gradients stop, and how numbers take the dtype of the arrays they meet."""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

Tree = TypeVar("Tree")
Scalar = float | Array


def stop_gradient(tree: Tree) -> Tree:
    """The same values, through which no gradient flows, for every array of a tree."""
    stopped: Tree = jax.tree.map(lax.stop_gradient, tree)
    return stopped


def arrays(*values: Array) -> tuple[Array, ...]:
    """Device arrays of the given values, dtype kept; a NumPy input is read, never written."""
    return tuple(jnp.asarray(value) for value in values)


def frozen(*values: Array) -> tuple[Array, ...]:
    """`arrays` that receive no gradient."""
    return tuple(lax.stop_gradient(jnp.asarray(value)) for value in values)


def constant(value: Scalar, like: Array) -> Array:
    """A number without gradient in the dtype of `like`, so that a float64 number cannot widen float32 arrays."""
    return lax.stop_gradient(jnp.asarray(value, dtype=like.dtype))
