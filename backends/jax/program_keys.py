"""What a cache of compiled programs asks for: the same method, and the same kernels."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ...core.rows import SPECS
from .. import jax as K

T = TypeVar("T")


class Same(Generic[T]):
    """Stands for a value in a cache key by identity: an Algorithm holds mappings, which do not hash."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def kernels() -> tuple[Callable[..., Any], ...]:
    """The kernels as they are now: a replaced one must not meet a program compiled with the old."""
    return tuple(getattr(K, name) for name in SPECS)
