"""Calls whose every number is a bfloat16, so that the float64 reference sees the inputs that a bfloat16 run sees."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .derivatives import like
from .strategies import Case, distance_to_kink

# Four roundings of compared numbers of up to 64, which lie 1/4 apart, must not decide which is larger.
COMPARED = {"softmax_select": 1.0, "linex_loss": 1.0}


def nearest(values: ArrayLike) -> NDArray[np.float64]:
    """The nearest bfloat16 numbers, ties to even, as float64; NumPy alone has no such dtype."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32).astype(np.float64)


def representable(case: Case) -> Case:
    """The same call with every array, number and weight rounded to bfloat16."""
    return Case(case.spec, case.layout, case.integers, like(case.tree, lambda _, leaf: nearest(leaf)))


def decided(case: Case) -> bool:
    """Whether no choice that the kernel makes hangs on roundings in bfloat16."""
    if case.spec.name == "meanflow_times":
        rows = float(case.tree["same"]) * case.tree["a"].shape[0]
        # How many leading rows get r = t is stated up to the rounding of the fraction, which is 1/256 of all rows.
        return bool(rows % 1.0 < 0.85)
    if not case.spec.ties:
        return True
    return distance_to_kink(case) > COMPARED.get(case.spec.name, 0.0)
