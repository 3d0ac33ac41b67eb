"""Derivatives of a kernel with respect to its whole argument tree, the same way on every backend."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends import BACKENDS, STEP, Array, Backend, kept
from .calls import Tree, runner
from .strategies import Case

Leaves = dict[tuple[str, ...], NDArray[Any]]
Both = Callable[[Tree, Tree, tuple[Array, ...]], tuple[tuple[Array, ...], Tree]]

# A kernel's derivative is at most as well conditioned as the class says that its value is.
DERIVATIVE_CLASS = {
    "exact": "derivative",
    "elementwise": "derivative",
    "reduction": "derivative",
    "network": "derivative",
    "exponential": "density",
}


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every array of a tree with its path."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    else:
        yield path, tree


def like(tree: Any, function: Callable[[tuple[str, ...], Any], Any], path: tuple[str, ...] = ()) -> Any:
    """A tree of the same structure, each leaf `function(path, leaf)`."""
    if isinstance(tree, Mapping):
        return {name: like(value, function, (*path, name)) for name, value in tree.items()}
    return function(path, tree)


def real_results(case: Case) -> tuple[int, ...]:
    """Positions of the results that have derivatives, which indices have not."""
    return tuple(position for position, out in enumerate(case.spec.returns) if not out.index)


@kept
def both_modes(
    backend: Backend, name: str, integers: tuple[tuple[str, int], ...], kept: tuple[int, ...], jit: bool
) -> Both:
    """`(tree, tangents, cotangents) -> (J tangents, Jᵀ cotangents)` in JAX or torch."""
    run = runner(backend, name, integers)

    def results(tree: Tree) -> tuple[Array, ...]:
        outs = run(tree)
        return tuple(outs[position] for position in kept)

    if backend.name == "jax":
        import jax

        def in_jax(tree: Tree, tangents: Tree, cotangents: tuple[Array, ...]) -> tuple[tuple[Array, ...], Tree]:
            forward = jax.jvp(results, (tree,), (tangents,))[1]
            return forward, jax.vjp(results, tree)[1](cotangents)[0]

        return jax.jit(in_jax) if jit else in_jax

    import torch

    def in_torch(tree: Tree, tangents: Tree, cotangents: tuple[Array, ...]) -> tuple[tuple[Array, ...], Tree]:
        forward = torch.func.jvp(results, (tree,), (tangents,))[1]
        return forward, torch.func.vjp(results, tree)[1](cotangents)[0]

    return in_torch


def complex_step(
    case: Case,
    tangents: Tree,
    integers: tuple[tuple[str, int], ...],
    kept: tuple[int, ...],
    reference: Backend = BACKENDS["reference"],
) -> tuple[NDArray[Any], ...]:
    """J tangents of the reference, or of a variant of it, exact to rounding."""
    run = runner(reference, case.spec.name, integers)
    directions = dict(leaves(tangents))
    # An argument that does not move stays real: comparing and rounding it must not meet complex numbers.
    moved = like(
        case.tree,
        lambda path, leaf: leaf + 1j * STEP * directions[path] if np.any(directions[path]) else np.asarray(leaf),
    )
    outs = run(moved)
    return tuple(np.asarray(np.imag(outs[position]) / STEP, dtype=np.float64) for position in kept)
