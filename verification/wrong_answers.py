"""Comparisons that must fail, and one table of them for each assertion, so that a broken assertion is noticed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.tolerances import tolerance

VALUES = np.array([[0.0, 1.0, -2.0], [0.5, 3.0, 1e-3]])
STEPS = (10, 20, 40, 80)
NAN, INF = float("nan"), float("inf")

Arguments = tuple[Any, ...]


def changed(index: tuple[int, ...], value: float) -> Any:
    """VALUES with one other entry."""
    values = VALUES.copy()
    values[index] = value
    return values


def near(index: tuple[int, ...], factor: float) -> Any:
    """VALUES with one entry moved by `factor` times what class "recursion" allows there."""
    bound = tolerance("recursion", "float64")
    return changed(index, VALUES[index] + factor * (bound.absolute + bound.relative * abs(VALUES[index])))


def curve(order: float, noise: float = 0.0) -> list[float]:
    """Errors that fall with the stated order, every other one a factor e^noise too large."""
    return [3.0 / n**order * float(np.exp(noise * (i % 2))) for i, n in enumerate(STEPS)]


CLOSE: Mapping[str, Arguments] = {
    "twice the bound at zero": (near((0, 0), 2.0), VALUES),
    "minus twice the bound": (near((0, 1), -2.0), VALUES),
    "twice the bound at a large entry": (near((1, 1), 2.0), VALUES),
    "the last entry alone": (near((1, 2), 2.0), VALUES),
    "far below, where the sum of errors cancels": (near((0, 0), 2.0) + near((0, 1), -2.0) - VALUES, VALUES),
    "a relative error of an entry near zero": (changed((1, 2), 2e-3), VALUES),
    "NaN in the result": (changed((0, 0), NAN), VALUES),
    "NaN in both": (changed((0, 0), NAN), changed((0, 0), NAN)),
    "infinity in the result": (changed((0, 0), INF), VALUES),
    "infinity in both": (changed((0, 0), INF), changed((0, 0), INF)),
    "infinity expected": (VALUES, changed((0, 0), -INF)),
    "a row that would broadcast": (np.ones((1, 3)), np.ones((2, 3))),
    "a number that would broadcast": (np.ones(()), np.ones((2, 3))),
    "one axis more": (VALUES[None], VALUES),
    "empty where values are due": (np.zeros((0, 3)), VALUES),
    "empty of another shape": (np.zeros((0, 3)), np.zeros((3, 0))),
    "empty of another dtype": (np.zeros((0, 3), np.float32), np.zeros((0, 3))),
    "float32 for float64": (np.ones(2, np.float32), np.ones(2)),
    "complex for real": (np.ones(2, np.complex128), np.ones(2)),
    "integers for floats": (np.ones(2, np.int64), np.ones(2)),
}
EXACT: Mapping[str, Arguments] = {
    "one unit in the last place": (np.nextafter(VALUES, 9.0), VALUES),
    "the smallest number for zero": (changed((0, 0), 5e-324), VALUES),
    "the sign": (-VALUES, VALUES),
    "NaN in both": (changed((0, 0), NAN), changed((0, 0), NAN)),
    "a row that would broadcast": (np.ones((1, 3)), np.ones((2, 3))),
    "empty where values are due": (np.zeros((0, 3)), VALUES),
}
AT_MOST: Mapping[str, Arguments] = {
    "the next number": (np.nextafter(1.0, 2.0), 1.0),
    "one entry of many": ([0.0, 3.0, 0.0], [1.0, 2.0, 9.0]),
    "the mean holds": ([0.0, 1.5], 1.0),
    "NaN": (NAN, 1.0),
    "a NaN bound": (1.0, NAN),
    "NaN among numbers": ([0.0, NAN], 1.0),
    "above a bound of zero": (5e-324, 0.0),
    "above a negative bound": (-1.0, -2.0),
}
ORDER: Mapping[str, Arguments] = {
    "order one for two": (STEPS, curve(1), 2),
    "order two for one": (STEPS, curve(2), 1),
    "errors that grow": (STEPS, curve(-1), 1),
    "half an order less": (STEPS, curve(1), 1.5),
    "just outside": (STEPS, curve(1.16), 1),
    "noise": (STEPS, curve(1, noise=2.0), 1),
    "right at both ends only": (STEPS, [3 / 10, 3.0, 3.0, 3 / 80], 2),
    "an error of zero": (STEPS, [1.0, 0.5, 0.0, 0.1], 1),
    "NaN": (STEPS, [1.0, NAN, 0.2, 0.1], 1),
    "infinity": (STEPS, [INF, 1.0, 0.2, 0.1], 1),
    "fewer errors than steps": (STEPS, [1.0, 0.5, 0.25], 1),
    "two step counts": ((10, 20), [1.0, 0.5], 1),
    "two different step counts": ((10, 20, 20), [1.0, 0.5, 0.5], 1),
}


def accepted(assertion: Callable[..., Any], table: Mapping[str, Arguments]) -> list[str]:
    """The wrong comparisons that an assertion lets pass."""
    passed = []
    for name, arguments in table.items():
        try:
            assertion(*arguments)
        except AssertionError:
            continue
        passed.append(name)
    return passed
