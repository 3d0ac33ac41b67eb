"""Choose the implementation from the arrays a kernel is given."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from array_api_compat import is_jax_array, is_numpy_array, is_torch_array

from . import reference
from .core.errors import DTypeError
from .core.rows import SPECS

_LIBRARIES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("NumPy", is_numpy_array, "veloq.reference"),
    ("PyTorch", is_torch_array, "veloq.backends.torch"),
    ("JAX", is_jax_array, "veloq.backends.jax"),
)


def dispatched(name: str) -> Callable[..., Any]:
    """The kernel `name` as one function for all libraries.

    Without any array argument (`vp_schedule`) it is the NumPy one.

    Raises:
        DTypeError: when the array arguments belong to different libraries.
    """
    arguments = [arg.name for arg in SPECS[name].args if arg.kind == "array"]
    signature = inspect.signature(getattr(reference, name))
    positions = {argument: list(signature.parameters).index(argument) for argument in arguments}

    def choose(*args: Any, **kwargs: Any) -> Any:
        library, module = None, "veloq.reference"
        for argument, value in _given(positions, args, kwargs):
            found = _library_of(value)
            if found is None:
                continue
            if library is not None and found[0] != library[1]:
                raise DTypeError(
                    f"{name}: {argument} is a {found[0]} array where {library[0]} is a {library[1]} one; "
                    "convert them to one library"
                )
            library, module = (argument, found[0]), found[1]
        return getattr(import_module(module), name)(*args, **kwargs)

    choose.__name__ = choose.__qualname__ = name
    choose.__module__ = "veloq"
    choose.__doc__ = getattr(reference, name).__doc__
    choose.__signature__ = signature  # type: ignore[attr-defined]
    return choose


def _given(positions: dict[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for argument, position in positions.items():
        if position < len(args):
            yield argument, args[position]
        elif argument in kwargs:
            yield argument, kwargs[argument]


def _library_of(value: Any) -> tuple[str, str] | None:
    for library, belongs, module in _LIBRARIES:
        if belongs(value):
            return library, module
    return None
