"""Which gradients stop where, and how kernels call the fields and critics they are given."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import optree
import torch
from torch import Tensor

from ...core.contract import check_returned

P = ParamSpec("P")
R = TypeVar("R")
Field = Callable[[Tensor, Tensor], Tensor]
AverageField = Callable[[Tensor, Tensor, Tensor], Tensor]
Critic = Callable[[Tensor], Tensor]
Scalar = float | Tensor


def stop_gradient(tree: Any) -> Any:
    """The same tree, cut from every derivative, reverse and forward.

    Args:
        tree: tensors in any nesting of tuples, lists and dicts; other leaves are kept as they are.

    Returns:
        A tree of the same structure that shares memory with `tree`.
    """
    if isinstance(tree, Tensor):
        return tree.detach()
    return optree.tree_map(_detached, tree)


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf


def constant(value: Scalar, like: Tensor) -> Scalar:
    """A hyper-parameter without gradient; a 0-d tensor takes the dtype of `like`, lest it promote the result."""
    return value.detach().to(like.dtype) if isinstance(value, Tensor) else value


def without_gradient(function: Callable[P, R]) -> Callable[P, R]:
    """Cut the result from everything, parameters closed over in callables included.

    `no_grad` alone would let forward-mode tangents pass; detaching alone would keep the graph in memory.
    """

    @functools.wraps(function)
    def detached(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.no_grad():
            result: R = stop_gradient(function(*args, **kwargs))
        return result

    return detached


def time_like(x: Tensor, t: float) -> Tensor:
    """The time `t` for every sample of `x (..., A)`: shape (..., 1)."""
    return x.new_full((*x.shape[:-1], 1), t)


def velocity(kernel_name: str, field: Field, x: Tensor, t: float | Tensor, what: str = "field") -> Tensor:
    """`field` at `x (..., A)` and `t`, with the shape of what it returned checked."""
    v = field(x, t if isinstance(t, Tensor) else time_like(x, t))
    check_returned(kernel_name, what, v, x.shape)
    return v


def pullback(kernel_name: str, field: Field, x: Tensor, t: float, what: str = "base") -> Callable[[Tensor], Tensor]:
    """The map g -> (∂field/∂x)ᵀ g at `(x, t)`."""
    transpose: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(
        lambda y: velocity(kernel_name, field, y, t, what), x
    )[1]
    return lambda g: transpose(g)[0]


def critic_values(kernel_name: str, critic: Critic, a: Tensor) -> Tensor:
    """`critic` at `a (..., A)`, checked to be (K, ...)."""
    q = critic(a)
    members = q.shape[0] if isinstance(q, Tensor) and q.ndim else 1
    check_returned(kernel_name, "critic", q, (members, *a.shape[:-1]))
    return q
