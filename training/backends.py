"""The engines and policies of the backends, found at run time so that one missing framework stops nothing else."""

import importlib
import importlib.util
from types import ModuleType
from typing import Any, cast

from ..core.engine import PolicyFunction
from ..core.errors import MissingBackendError, UsageError
from .settings import suggestion

TRAINING_BACKENDS = ("jax", "torch")
ACTING_BACKENDS = ("reference", "jax", "torch")


def engine_class(backend: str) -> Any:
    """The `Engine` of a backend.

    Raises:
        UsageError: no engine has this name.
        MissingBackendError: its framework is not installed.
    """
    if backend not in TRAINING_BACKENDS:
        raise UsageError(f"unknown backend {backend!r}{suggestion(backend, TRAINING_BACKENDS)}")
    return _engine_module(backend).Engine


def policy_function(backend: str) -> PolicyFunction:
    """The `policy` of a backend; see `engine_class` for what it raises."""
    if backend not in ACTING_BACKENDS:
        raise UsageError(f"unknown backend {backend!r}{suggestion(backend, ACTING_BACKENDS)}")
    return cast(PolicyFunction, _engine_module(backend).policy)


def _engine_module(backend: str) -> ModuleType:
    if backend == "reference":
        return importlib.import_module("..reference.engine", __package__)
    if importlib.util.find_spec(backend) is None:
        raise MissingBackendError(f"the {backend} backend needs {backend}: pip install 'veloq[train,{backend}]'")
    return importlib.import_module(f"..backends.{backend}.engine", __package__)
