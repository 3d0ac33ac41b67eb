"""A Config in two parts: numbers that a compiled program takes as arguments, and what decides the program itself."""

import copy
import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .errors import UsageError

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


def configs_of(config: C, varied: Sequence[Mapping[str, float]] | None, seeds: int) -> list[C]:
    """The config of each of an engine's seeds: `config` with the numbers of its entry in `varied`.

    Raises:
        UsageError: there is not one entry for each seed, or it names what is no float field, or `discount`, by which
            the data's rewards are summed beforehand.
    """
    if varied is None:
        return [config] * seeds
    if len(varied) != seeds:
        raise UsageError(f"varied must hold one mapping for each of {seeds} seeds, got {len(varied)}")
    free = numbers(config).keys() - {"discount"}
    for name in sorted({name for own in varied for name in own}):
        if name not in free:
            raise UsageError(f"varied: {name!r} cannot differ between seeds; these can: {', '.join(sorted(free))}")
    return [dataclasses.replace(typing.cast(Any, config), **own) for own in varied]
