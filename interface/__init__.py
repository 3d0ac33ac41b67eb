"""veloq: verified kernels and algorithms for flow-policy Q-learning.

Every kernel is a function of this module, `veloq.lean_adjoint(...)`, and runs on the library whose arrays it is
given: NumPy, JAX or PyTorch. `veloq.backends.jax`, `veloq.backends.torch` and `veloq.reference` hold the same
names without dispatch; a missing framework is only missed when it is asked for.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

from .core.rows import SPECS
from .dispatch import dispatched

__version__ = version("veloq")

_SUBPACKAGES = ("algorithms", "backends", "core", "reference", "training", "verification")

globals().update({name: dispatched(name) for name in SPECS})

__all__ = ["__version__", *SPECS]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'veloq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBPACKAGES])
