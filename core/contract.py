"""Argument checks generated from the Spec rows, the same for every implementation.

Shape grammar: tokens separated by spaces. `...` stands for the batch axes shared by all arguments of a call,
`A` for a size bound at first sight, `T+1` for a bound size plus a number, `1` for itself. `T+1 ... A` reads
"time leads, then the batch, then the action".
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from .docstring import described
from .errors import DomainError, DTypeError, ShapeError
from .rows import SPECS
from .spec import Arg, Spec

P = ParamSpec("P")
R = TypeVar("R")
Token = tuple[str, int]


def parse(shape: str) -> tuple[tuple[Token, ...], tuple[Token, ...] | None]:
    """Split a shape into the tokens before and after `...`; the second part is None without an ellipsis."""
    tokens = shape.split()
    if "..." not in tokens:
        return tuple(_token(token) for token in tokens), None
    cut = tokens.index("...")
    return tuple(_token(t) for t in tokens[:cut]), tuple(_token(t) for t in tokens[cut + 1 :])


def _token(text: str) -> Token:
    for sign in "+-":
        if sign in text:
            name, number = text.split(sign)
            return name, int(sign + number)
    return ("", int(text)) if text.isdigit() else (text, 0)


# Parsed once: the checks run at every eager call, and torch.compile traces through them.
_PARSED = {arg.shape: parse(arg.shape) for spec in SPECS.values() for arg in spec.args if arg.kind == "array"}


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Check a kernel's arguments against its Spec row before it runs; under jit this costs nothing per step."""
    spec = SPECS[function.__name__]
    names = tuple(arg.name for arg in spec.args)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        check_arguments(spec, names, args, kwargs)
        return function(*args, **kwargs)

    checked.__doc__ = described(function.__doc__, spec)
    return checked


def check_arguments(spec: Spec, names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Raise a ContractError that names the first argument outside the contract of `spec`.

    A missing or unknown argument is left to Python's own TypeError.
    """
    sizes: dict[str, int] = {}
    batch: tuple[int, ...] | None = None
    dtype = None
    for position, name in enumerate(names):
        if position < len(args):
            value = args[position]
        elif name in kwargs:
            value = kwargs[name]
        else:
            continue
        arg = spec.args[position]
        if arg.kind == "array":
            dtype = _check_dtype(spec, arg, value, dtype)
            batch = _check_shape(spec, arg, value, sizes, batch)
        elif arg.kind == "integer":
            _check_integer(spec, arg, value)
        elif arg.kind == "scalar":
            _check_scalar(spec, arg, value)
        elif not callable(value):
            raise DTypeError(f"{spec.name}: {name} must be a callable {arg.kind}, got {type(value).__name__}")


def _check_dtype(spec: Spec, arg: Arg, value: Any, seen: Any) -> Any:
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise DTypeError(
            f"{spec.name}: {arg.name} must be an array of shape ({_comma(arg.shape)}), got {type(value).__name__}"
        )
    kind = str(value.dtype)
    if "float" not in kind and "complex" not in kind:
        raise DTypeError(f"{spec.name}: {arg.name} must be a floating-point array, got dtype {kind}")
    # A complex argument is a real one displaced by the reference's complex step: it goes with real ones.
    kind = kind.replace("complex128", "float64").replace("complex64", "float32")
    if seen is not None and kind != seen:
        raise DTypeError(
            f"{spec.name}: {arg.name} has dtype {kind} where the arguments before it have {seen}; "
            "convert them to one dtype"
        )
    return kind


def _check_shape(
    spec: Spec, arg: Arg, value: Any, sizes: dict[str, int], batch: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    shape = tuple(value.shape)
    front, back = _PARSED[arg.shape]
    fixed = len(front) + (0 if back is None else len(back))
    if len(shape) < fixed or (back is None and len(shape) > fixed):
        raise _shape_error(spec, arg, shape, sizes, batch)
    for axis, token in enumerate(front):
        if not _bind(token, shape[axis], sizes):
            raise _shape_error(spec, arg, shape, sizes, batch)
    if back is None:
        return batch
    stop = len(shape) - len(back)
    for offset, token in enumerate(back):
        if not _bind(token, shape[stop + offset], sizes):
            raise _shape_error(spec, arg, shape, sizes, batch)
    middle = shape[len(front) : stop]
    if batch is not None and middle != batch:
        raise _shape_error(spec, arg, shape, sizes, batch)
    return middle


def _bind(token: Token, size: int, sizes: dict[str, int]) -> bool:
    name, offset = token
    if not name:
        return size == offset
    if name in sizes:
        return size == sizes[name] + offset
    sizes[name] = size - offset
    # No ensemble, candidate, step or action dimension may be missing: a mean over none has no value.
    return size - offset >= 1


def _shape_error(
    spec: Spec, arg: Arg, shape: tuple[int, ...], sizes: dict[str, int], batch: tuple[int, ...] | None
) -> ShapeError:
    known = [f"{name} = {size}" for name, size in sizes.items()]
    if batch is not None:
        known.append(f"... = {batch}")
    where = f" with {', '.join(known)}" if known else ""
    return ShapeError(f"{spec.name}: {arg.name} has shape {shape}, expected ({_comma(arg.shape)}){where}")


def _check_integer(spec: Spec, arg: Arg, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DTypeError(f"{spec.name}: {arg.name} must be a Python int, got {type(value).__name__}")
    if arg.domain.checked and value not in arg.domain:
        raise DomainError(f"{spec.name}: {arg.name} must lie in {arg.domain}, got {value}")


def _check_scalar(spec: Spec, arg: Arg, value: Any) -> None:
    # A 0-d array may be a traced hyper-parameter, whose value nobody knows yet.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if arg.domain.checked and value not in arg.domain:
            raise DomainError(f"{spec.name}: {arg.name} must lie in {arg.domain}, got {value:g}")
    elif tuple(getattr(value, "shape", (None,))) != ():
        raise ShapeError(f"{spec.name}: {arg.name} must be a number or a 0-d array, got {_describe(value)}")


def check_returned(kernel_name: str, what: str, value: Any, expected: tuple[int, ...]) -> None:
    """Raise a ShapeError when a user's field or critic returned a wrong shape.

    Args:
        kernel_name: the kernel that called it.
        what: the name of the callable, as in the kernel's signature.
        value: what it returned.
        expected: the shape the kernel needs.
    """
    if tuple(getattr(value, "shape", (None,))) != tuple(expected):
        raise ShapeError(f"{kernel_name}: {what} returned {_describe(value)}, expected shape {tuple(expected)}")


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"shape {tuple(shape)}"


def _comma(shape: str) -> str:
    return ", ".join(shape.split())
