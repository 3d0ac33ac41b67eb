"""A Config in two parts: numbers that a compiled program takes as arguments, and what decides the program itself."""

import copy
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

C = TypeVar("C")


def numbers(config: Any) -> dict[str, float]:
    """The fields annotated `float`, by name: no shape, choice or moment follows from them (see `algorithm.Config`)."""
    hints = typing.get_type_hints(type(config))
    return {name: float(getattr(config, name)) for name, kind in hints.items() if kind is float}


def with_numbers(config: C, values: Mapping[str, Any]) -> C:
    """A copy with these fields replaced, by traced numbers too.

    Not by `dataclasses.replace`: a `__post_init__` has passed the real numbers and cannot compare traced ones.
    """
    changed = copy.copy(config)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed
