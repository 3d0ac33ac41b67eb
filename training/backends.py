"""The engines and policies of the backends, found at run time so that one missing framework stops nothing else."""

import importlib
import importlib.util
from types import ModuleType
from typing import Any, cast

from ..core.engine import LossFunction, PolicyFunction
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


def check_device(backend: str, device: str) -> None:
    """Raise UsageError unless the backend's framework can compute on this device, before hours of data are made."""
    framework = importlib.import_module(backend)
    kind, _, index = device.partition(":")
    try:
        if backend == "jax":
            framework.devices("gpu" if kind == "cuda" else kind)[int(index or 0)]
        else:
            framework.empty(0, device=device)
    # torch asserts that it was built with CUDA; the others are an unknown name and a number too large.
    except (RuntimeError, AssertionError, IndexError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{backend} has no device {device!r}: {reason}") from error


def policy_function(backend: str) -> PolicyFunction:
    """The `policy` of a backend; see `engine_class` for what it raises."""
    if backend not in ACTING_BACKENDS:
        raise UsageError(f"unknown backend {backend!r}{suggestion(backend, ACTING_BACKENDS)}")
    return cast(PolicyFunction, _engine_module(backend).policy)


def loss_function(backend: str) -> LossFunction:
    """The `loss_and_gradients` of a backend; see `engine_class` for what it raises."""
    return cast(LossFunction, _engine_module(backend).loss_and_gradients)


def _engine_module(backend: str) -> ModuleType:
    if backend == "reference":
        return importlib.import_module("..reference.engine", __package__)
    if importlib.util.find_spec(backend) is None:
        raise MissingBackendError(f"the {backend} backend needs {backend}: pip install 'veloq[train,{backend}]'")
    return importlib.import_module(f"..backends.{backend}.engine", __package__)
