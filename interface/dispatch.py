"""Choose the implementation from the arrays a kernel is given."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
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
# By array type: what a call costs after the first, and all that a compiler that traces through it meets.
_KNOWN: dict[type, tuple[str, ModuleType] | None] = {}


def dispatched(name: str) -> Callable[..., Any]:
    """The kernel `name` as one function for all libraries.

    Without any array argument (`vp_schedule`) it is the NumPy one. Inside `torch.compile(fullgraph=True)` import
    from `veloq.backends.torch`: the first dispatch of a process imports a backend, which no graph can hold.

    Raises:
        DTypeError: when the array arguments belong to different libraries.
    """
    arguments = [arg.name for arg in SPECS[name].args if arg.kind == "array"]
    signature = inspect.signature(getattr(reference, name))
    positions = {argument: list(signature.parameters).index(argument) for argument in arguments}

    def choose(*args: Any, **kwargs: Any) -> Any:
        first, library, implementation = "", "", reference
        for argument, value in _given(positions, args, kwargs):
            found = _KNOWN[type(value)] if type(value) in _KNOWN else _library_of(value)
            if found is None:
                continue
            if library and found[0] != library:
                raise DTypeError(
                    f"{name}: {argument} is a {found[0]} array where {first} is a {library} one; "
                    "convert them to one library"
                )
            first, (library, implementation) = argument, found
        return getattr(implementation, name)(*args, **kwargs)

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


def _library_of(value: Any) -> tuple[str, ModuleType] | None:
    for library, belongs, module in _LIBRARIES:
        if belongs(value):
            _KNOWN[type(value)] = library, import_module(module)
            return _KNOWN[type(value)]
    return None
