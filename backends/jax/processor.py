"""What XLA is told of the processor that it compiles updates for."""

import functools
import os
from typing import Any

import jax

__all__ = ["wide_vectors"]

WIDTH = "xla_cpu_prefer_vector_width"


@functools.cache
def wide_vectors() -> dict[str, Any]:
    """Options for jit: vectors of 512 bits where the processor has them, unless XLA_FLAGS names another width.

    XLA prefers 256 bits, since some Intel processors before 2020 lower their clock for more. An XLA that does not know
    the option decides for itself.
    """
    options = {WIDTH: 512}
    if WIDTH in os.environ.get("XLA_FLAGS", ""):
        return {}
    try:
        with jax.default_device(jax.devices("cpu")[0]):
            jax.jit(lambda: 0.0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return options
