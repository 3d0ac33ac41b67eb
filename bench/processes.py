"""What only a fresh process can tell: peak memory, and the time to compile with an empty and with a filled cache."""

import tempfile
from collections.abc import Iterator
from typing import Any

from .one_update import in_a_fresh_process

Row = dict[str, Any]


def memory(method: str = "qam", size: str = "quick") -> Iterator[Row]:
    """Peak bytes of one seed and of eight, on both backends."""
    for backend in ("jax", "torch"):
        for seeds in (1, 8):
            yield in_a_fresh_process(method, size, backend, seeds)


def compilation(method: str = "qam", size: str = "quick") -> Iterator[Row]:
    """Seconds of the first update and of the next, twice on the same cache folder: empty, then filled.

    JAX keeps compiled programs there; torch.compile keeps its graphs and generated code.
    """
    for backend in ("jax", "torch"):
        with tempfile.TemporaryDirectory() as folder:
            variables = {
                "JAX_COMPILATION_CACHE_DIR": folder,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
                "TORCHINDUCTOR_CACHE_DIR": folder,
                "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
            }
            for cache in ("empty", "filled"):
                row = in_a_fresh_process(method, size, backend, 1, backend == "torch", variables)
                yield {**row, "cache": cache}
