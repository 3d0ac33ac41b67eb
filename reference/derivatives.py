"""Derivatives by complex step: f(x + i ε d) = f(x) + i ε ∂f·d + O(ε²), exact to rounding since nothing is subtracted.

Squire & Trapp, SIAM Review 40 (1998). `gradient` is the outer derivative, of losses;
`jacobian` and `inner_jvp` are the inner ones, which kernels need themselves and which carry nothing further.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .precision import Array

STEP = 1e-30
# Larger than the outer step, so that a direction already carried inside a callable's parameters is negligible
# against it, and what is left of that direction subtracts without loss.
INNER_STEP = 1e-20


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`function` on every leaf of nested dicts, tuples and lists, together with the same leaves of `others`."""
    if isinstance(tree, dict):
        return {name: map_tree(function, tree[name], *(other[name] for other in others)) for name in tree}
    if isinstance(tree, (tuple, list)):
        parts = [map_tree(function, *leaves) for leaves in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree, *others)


def gradient(function: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """Gradient of a scalar function, one entry of one argument at a time.

        ∂f/∂x_j = Im f(x + i ε e_j) / ε

    Args:
        function: takes `args`, returns a scalar.
        args: arrays, or nested dicts, tuples and lists of arrays.

    Returns:
        One gradient per argument, shaped like it, float64.

    >>> gradient(lambda x, y: (x * y).sum(), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    (array([3., 4.]), array([1., 2.]))
    """
    gradients = map_tree(lambda leaf: np.zeros(np.shape(leaf), dtype=np.float64), args)
    for path, leaf in _leaves(args):
        slopes = _at(gradients, path)
        for index in np.ndindex(np.shape(leaf)):
            moved = np.asarray(leaf).astype(np.complex128)
            moved[index] += 1j * STEP
            slopes[index] = np.imag(function(*_replaced(args, path, moved))) / STEP
    return gradients  # type: ignore[no-any-return]


def jacobian(function: Callable[[Array], Array], x: Array) -> Array:
    """Jacobian of a map that treats samples separately.

        J[..., k, d] = [Im f(x + i ε e_d) - Im f(x)]_k / ε

    Im f(x) is not zero when the callable's parameters carry an outer direction; that part is none of ours.

    Args:
        function: maps `(..., A)` to `(..., M)`.
        x: `(..., A)`, real.

    Returns:
        `(..., M, A)`, float64.
    """
    carried = np.imag(function(x))
    columns = []
    for d in range(x.shape[-1]):
        moved = x.astype(np.complex128)
        moved[..., d] += 1j * INNER_STEP
        columns.append((np.imag(function(moved)) - carried) / INNER_STEP)
    return np.stack(columns, axis=-1)


def inner_jvp(function: Callable[..., Array], primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> Array:
    """Derivative of a callable along real `tangents` at real `primals`, free of what its parameters carry."""
    moved = [x + 1j * INNER_STEP * d for x, d in zip(primals, tangents, strict=True)]
    result: Array = (np.imag(function(*moved)) - np.imag(function(*primals))) / INNER_STEP
    return result


def _leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, dict):
        for name in tree:
            yield from _leaves(tree[name], (*path, name))
    elif isinstance(tree, (tuple, list)):
        for position, part in enumerate(tree):
            yield from _leaves(part, (*path, position))
    else:
        yield path, tree


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _replaced(tree: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    first, *rest = path
    if isinstance(tree, dict):
        return {name: _replaced(part, tuple(rest), leaf) if name == first else part for name, part in tree.items()}
    parts = [_replaced(part, tuple(rest), leaf) if place == first else part for place, part in enumerate(tree)]
    return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
