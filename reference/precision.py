"""Every reference kernel computes in float64, or in complex128 when a derivative is being carried.

A complex input `x + i ε d` carries the direction `d`: the imaginary part of a result, divided by ε, is the
derivative along `d`. An argument without gradient in its Spec row therefore loses its imaginary part here.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.contract import check_returned, kernel
from ..core.rows import SPECS
from ..core.spec import Arg, Spec

P = ParamSpec("P")
R = TypeVar("R")
Array = NDArray[Any]
Scalar = float | Array
Field = Callable[[Array, Array], Array]
AverageField = Callable[[Array, Array, Array], Array]
Critic = Callable[[Array], Array]


def in_float64(function: Callable[P, R]) -> Callable[P, R]:
    """Make a reference kernel: arguments checked, computed in float64, results in the dtype that came in.

    Complex arguments give complex128 results whose imaginary part is exactly zero along every argument that the
    kernel's Spec row calls free of gradient.
    """
    spec = SPECS[function.__name__]

    @functools.wraps(function)
    def precise(*args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip((arg.name for arg in spec.args), args, strict=False)), **kwargs}
        result = function(**{name: _exact(spec.arg(name), value) for name, value in given.items()})  # type: ignore[call-arg]
        return _return(result, _result_dtype(spec, given), carries=bool(spec.differentiable))

    checked: Callable[P, R] = kernel(precise)
    return checked


def _result_dtype(spec: Spec, given: dict[str, Any]) -> np.dtype[Any]:
    numbers = [given[arg.name] for arg in spec.args if arg.name in given and arg.kind in ("array", "scalar")]
    if any(np.iscomplexobj(number) for number in numbers):
        return np.dtype(np.complex128)
    dtypes = [np.dtype(given[arg.name].dtype) for arg in spec.args if arg.name in given and arg.kind == "array"]
    return dtypes[0] if dtypes else np.dtype(np.float64)


def _exact(arg: Arg, value: Any) -> Any:
    if arg.kind == "array" or (arg.kind == "scalar" and hasattr(value, "dtype")):
        value = np.asarray(value)
        if np.iscomplexobj(value):
            return value.astype(np.complex128) if arg.gradient else value.real.astype(np.float64)
        return value.astype(np.float64)
    return value


def _return(result: Any, dtype: np.dtype[Any], carries: bool) -> Any:
    if isinstance(result, tuple):
        return tuple(_return(part, dtype, carries) for part in result)
    result = np.asarray(result)
    if result.dtype.kind == "i":
        return result
    if not carries:
        result = result.real
    return np.array(result, dtype=np.complex128 if np.iscomplexobj(result) else dtype)


def empty(shape: Iterable[int], *inputs: Any) -> Array:
    """Room for a result of `shape`, complex when one of `inputs` carries a derivative."""
    carries = any(np.iscomplexobj(value) for value in inputs)
    return np.empty(tuple(shape), dtype=np.complex128 if carries else np.float64)


def evaluate(
    kernel_name: str, what: str, function: Callable[..., Any], shape: tuple[int, ...], *arguments: Array
) -> Array:
    """What a user's callable returns, in full precision.

    Args:
        kernel_name: the kernel that calls it.
        what: the callable's name in the kernel's signature.
        function: the callable.
        shape: the shape it must return.
        arguments: handed to it.

    Raises:
        ShapeError: it returned another shape.
    """
    value = function(*arguments)
    check_returned(kernel_name, what, value, shape)
    return np.asarray(value, dtype=np.complex128 if np.iscomplexobj(value) else np.float64)


def at_time(x: Array, time: float) -> Array:
    """The time argument of a field at `x` `(..., A)`: `time` in every sample, `(..., 1)`."""
    return np.full((*x.shape[:-1], 1), time, dtype=np.float64)


def stop_gradient(tree: Any) -> Any:
    """The same numbers without the derivative they carry: real parts of nested dicts, tuples and lists of arrays.

    >>> stop_gradient({"w": np.array([1.0 + 2.0j])})
    {'w': array([1.])}
    """
    if isinstance(tree, dict):
        return {name: stop_gradient(part) for name, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(stop_gradient(part) for part in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(stop_gradient(part) for part in tree)
    if tree is None or not np.iscomplexobj(tree):
        return tree
    return np.real(tree).copy()
