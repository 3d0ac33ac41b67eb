"""Times of a call whose work is done when it returns."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any


def median_seconds(run: Callable[[], Any], rounds: int) -> float:
    """The median of so many calls."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return median(taken)
