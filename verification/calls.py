"""Calling a kernel on drawn data: the case's plain arrays become one backend's arrays, weights become callables."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.rows import SPECS
from ..core.spec import Arg
from .assertions import assert_close, assert_exact
from .backends import BACKENDS, Array, Backend, kept
from .fields import average_velocity, mean_member, values, velocity
from .strategies import Case, result_shapes
from .tf32 import rounding

Tree = Mapping[str, Any]
Run = Callable[[Tree], tuple[Array, ...]]


def on_backend(backend: Backend, case: Case, dtype: str = "float64") -> dict[str, Any]:
    """The case's arrays, numbers and weights as fresh arrays of `backend`."""
    return {name: _convert(backend, value, dtype) for name, value in case.tree.items()}


def _convert(backend: Backend, value: Any, dtype: str) -> Any:
    if isinstance(value, Mapping):
        return {name: backend.array(leaf, dtype) for name, leaf in value.items()}
    return backend.array(value, dtype)


@kept
def runner(backend: Backend, name: str, integers: tuple[tuple[str, int], ...]) -> Run:
    """The kernel as a function of one tree of arrays, always returning a tuple."""
    spec = SPECS[name]
    static = dict(integers)
    # Looked up here, so that a compiler traces the kernel and not the way to it.
    kernel, xp = getattr(backend.K, name), backend.xp

    def run(tree: Tree) -> tuple[Array, ...]:
        given = {arg.name: static.get(arg.name) for arg in spec.args}
        given |= {arg.name: _argument(xp, arg, tree[arg.name]) for arg in spec.args if arg.name in tree}
        result = kernel(**given)
        return result if isinstance(result, tuple) else (result,)

    return run


@kept
def compiled(backend: Backend, name: str, integers: tuple[tuple[str, int], ...]) -> Run:
    """`runner` under the backend's compiler; kept, so that a shape is compiled once per test run."""
    return backend.compiled(runner(backend, name, integers))


def statics(case: Case) -> tuple[tuple[str, int], ...]:
    """The case's integers as a key."""
    return tuple(sorted(case.integers.items()))


def reference(case: Case) -> tuple[Any, ...]:
    """What the reference says, in float64, on inputs that it may not write to."""
    tree = on_backend(BACKENDS["reference"], case)
    for value in tree.values():
        for leaf in value.values() if isinstance(value, Mapping) else (value,):
            leaf.flags.writeable = False
    return tuple(np.asarray(out) for out in runner(BACKENDS["reference"], case.spec.name, statics(case))(tree))


def with_tf32(case: Case) -> tuple[Any, ...]:
    """What the reference says when both operands of every product inside a network are rounded as TF32 does."""
    tree = {name: rounding(value) for name, value in on_backend(BACKENDS["reference"], case).items()}
    return tuple(np.asarray(out) for out in runner(BACKENDS["reference"], case.spec.name, statics(case))(tree))


def with_numbers(case: Case, tree: Tree) -> dict[str, Any]:
    """The tree with Python numbers instead of 0-d arrays, where an array remains to carry the dtype."""
    if all(arg.kind != "array" for arg in case.spec.args):
        return dict(tree)
    numbers = {arg.name: float(case.tree[arg.name]) for arg in case.spec.args if arg.kind == "scalar"}
    return {**tree, **numbers}


def assert_agrees(
    case: Case, backend: Backend, results: tuple[Any, ...], expected: tuple[Any, ...], dtype: str
) -> None:
    """Each result against the reference: indices exactly, the rest within the row's tolerance class."""
    for out, actual, want, shape in zip(case.spec.returns, results, expected, result_shapes(case), strict=True):
        what = f"{case.spec.name} {out.name} on {backend.name}"
        assert tuple(actual.shape) == shape, f"{what}: shape {tuple(actual.shape)}, the row says {shape}"
        if out.index:
            value = backend.numpy(actual)
            assert np.issubdtype(value.dtype, np.integer), f"{what}: an index of dtype {value.dtype}"
            assert_exact(value, want, what)
        else:
            assert_close(actual, want, case.spec.tolerance, what, dtype)


def _argument(xp: Any, arg: Arg, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if arg.kind == "field":
        return lambda x, t: velocity(xp, value, x, t)
    if arg.kind == "average_field":
        return lambda x, t, r: average_velocity(xp, value, x, t, r)
    if arg.kind == "critic":
        return lambda a: values(xp, value, a)
    return lambda q: mean_member(xp, value, q)
