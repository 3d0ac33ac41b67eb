"""Where figures are taken: device and precision, handed from the command line to the cases by the environment."""

import os
from typing import cast

from ..core.engine import Precision

DEVICE, PRECISION, FULL = "VELOQ_BENCH_DEVICE", "VELOQ_BENCH_PRECISION", "VELOQ_BENCH_FULL"


def device() -> str:
    """`cpu` or `cuda`."""
    return os.environ.get(DEVICE, "cpu")


def precision() -> Precision:
    """Of matrix products: `highest` or `fast`."""
    return cast("Precision", os.environ.get(PRECISION, "highest"))


def full() -> bool:
    """Whether the large grid was asked for."""
    return FULL in os.environ
