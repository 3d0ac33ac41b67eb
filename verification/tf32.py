"""TF32 on a machine without it: weights whose matrix products round both operands to 11 bits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 11  # of the significand, its leading one included


def to_tf32(values: NDArray[Any]) -> NDArray[Any]:
    """The nearest numbers of 11 significant bits, of complex numbers in both parts."""
    if np.iscomplexobj(values):
        return np.asarray(to_tf32(values.real) + 1j * to_tf32(values.imag))
    fraction, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(fraction * 2.0**BITS) / 2.0**BITS, exponent))


class RoundedWeight:
    """A weight that behaves as its array, except as the right operand of a matrix product."""

    __array_ufunc__ = None  # NumPy's arrays then leave their operators to this class

    def __init__(self, value: NDArray[Any]) -> None:
        self.value = value
        self.shape = value.shape

    def __getitem__(self, index: Any) -> "RoundedWeight":
        return RoundedWeight(self.value[index])

    def __rmatmul__(self, left: NDArray[Any]) -> NDArray[Any]:
        product: NDArray[Any] = to_tf32(left) @ to_tf32(self.value)
        return product

    def __rmul__(self, left: Any) -> NDArray[Any]:
        product: NDArray[Any] = left * self.value
        return product

    __mul__ = __rmul__

    def __radd__(self, left: Any) -> NDArray[Any]:
        total: NDArray[Any] = left + self.value
        return total

    __add__ = __radd__


def rounding(argument: Any) -> Any:
    """An argument of a kernel, its weights rounding in products; numbers and arrays as they are."""
    if isinstance(argument, Mapping):
        return {name: RoundedWeight(value) for name, value in argument.items()}
    return argument
