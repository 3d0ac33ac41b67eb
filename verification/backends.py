"""The three implementations behind one small interface: arrays in and out, derivatives, compiled calls."""

import copy
import functools
import importlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError

Array = Any
F = TypeVar("F", bound=Callable[..., Any])
STEP = 1e-30  # of the complex step; far below rounding, far above underflow
_settings = {"device": "cpu", "precision": "highest", "backend": "all"}


class Backend:
    """One implementation of every kernel.

    Attributes:
        name: "reference", "jax" or "torch".
        module: the kernel namespace's import path.
        framework: the package it needs.
    """

    name: str
    module: str
    framework: str

    @cached_property
    def memory(self) -> dict[Any, Any]:
        """What `kept` functions returned for this backend."""
        return {}

    def variant(self) -> "Backend":
        """A copy without any memory of the original, whose `module` or `K` may be set."""
        other = copy.copy(self)
        for name in ("K", "engine", "memory"):
            other.__dict__.pop(name, None)
        return other

    @property
    def missing(self) -> str:
        """Why this backend cannot run here; empty when it can."""
        if importlib.util.find_spec(self.framework) is None:
            return f"{self.framework} is not installed: pip install 'veloq[{self.name}]'"
        return ""

    @cached_property
    def K(self) -> Any:
        """The kernel namespace: every kernel by name, `K.xp`, `K.stop_gradient`."""
        return importlib.import_module(self.module)

    @cached_property
    def engine(self) -> Any:
        """The module of the engine: `loss_and_gradients`, `policy` and, besides the reference, `Engine`."""
        return importlib.import_module(f"{self.module}.engine")

    @property
    def device(self) -> str:
        """Where arrays live: "cpu" or "cuda"; the reference always computes on the CPU."""
        return _settings["device"]

    @property
    def sees_gpu(self) -> bool:
        """Whether `--device cuda` can be served; true of the reference, which computes on the CPU whatever is asked."""
        return True

    @property
    def xp(self) -> Any:
        """The framework's array-API namespace."""
        raise NotImplementedError

    def array(self, value: Any, dtype: str = "float64") -> Array:
        """A fresh array of this backend on the chosen device; `dtype` may be "bfloat16" besides NumPy's."""
        raise NotImplementedError

    def numpy(self, value: Array) -> NDArray[Any]:
        """The values as a NumPy array, dtype kept."""
        return np.asarray(value)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function under this backend's compiler for tests: jax.jit; itself elsewhere."""
        return function

    def grad(self, function: Callable[..., Array], *args: Array) -> tuple[NDArray[Any], ...]:
        """Gradients of a scalar function with respect to every positional array."""
        raise NotImplementedError

    def jvp(self, function: Callable[..., Any], args: Sequence[Array], tangents: Sequence[Array]) -> Any:
        """The directional derivative of the result: a NumPy array, or a tuple of them if the result is one."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<backend {self.name}>"


class Reference(Backend):
    """NumPy float64; derivatives by the complex step, one call per entry."""

    name, module, framework = "reference", "veloq.reference", "numpy"
    device = "cpu"

    @property
    def xp(self) -> Any:
        return importlib.import_module("array_api_compat.numpy")

    def array(self, value: Any, dtype: str = "float64") -> Array:
        return np.array(value, dtype=dtype)

    def grad(self, function: Callable[..., Array], *args: Array) -> tuple[NDArray[Any], ...]:
        points = [np.asarray(arg, dtype=np.complex128) for arg in args]
        gradients = []
        for position, point in enumerate(points):
            gradient = np.zeros(point.shape)
            for index in np.ndindex(point.shape):
                moved = point.copy()
                moved[index] += 1j * STEP
                shifted = [*points[:position], moved, *points[position + 1 :]]
                gradient[index] = _single(function(*shifted)).imag / STEP
            gradients.append(gradient)
        return tuple(gradients)

    def jvp(self, function: Callable[..., Any], args: Sequence[Array], tangents: Sequence[Array]) -> Any:
        moved = [np.asarray(x) + 1j * STEP * np.asarray(dx) for x, dx in zip(args, tangents, strict=True)]
        return _map(function(*moved), lambda out: np.asarray(out).imag / STEP)


class Jax(Backend):
    """jax.numpy; derivatives by jax.grad and jax.jvp."""

    name, module, framework = "jax", "veloq.backends.jax", "jax"

    @property
    def sees_gpu(self) -> bool:
        import jax

        try:
            return bool(jax.devices("gpu"))
        except RuntimeError:
            return False

    @property
    def xp(self) -> Any:
        return importlib.import_module("jax.numpy")

    def array(self, value: Any, dtype: str = "float64") -> Array:
        import jax

        place = jax.devices("gpu" if self.device == "cuda" else "cpu")[0]
        return jax.device_put(np.array(value, dtype=jax.numpy.dtype(dtype)), place)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        import jax

        compiled: Callable[..., Any] = jax.jit(function)
        return compiled

    def grad(self, function: Callable[..., Array], *args: Array) -> tuple[NDArray[Any], ...]:
        import jax

        gradients = jax.grad(function, argnums=tuple(range(len(args))))(*args)
        return tuple(np.asarray(gradient) for gradient in gradients)

    def jvp(self, function: Callable[..., Any], args: Sequence[Array], tangents: Sequence[Array]) -> Any:
        import jax

        return _map(jax.jvp(function, tuple(args), tuple(tangents))[1], np.asarray)


class Torch(Backend):
    """PyTorch; derivatives by torch.func."""

    name, module, framework = "torch", "veloq.backends.torch", "torch"

    @property
    def sees_gpu(self) -> bool:
        import torch

        return torch.cuda.is_available()

    @property
    def xp(self) -> Any:
        return importlib.import_module("array_api_compat.torch")

    def array(self, value: Any, dtype: str = "float64") -> Array:
        import torch

        return torch.tensor(np.array(value), device=self.device).to(getattr(torch, dtype))

    def numpy(self, value: Array) -> NDArray[Any]:
        return np.asarray(value.detach().cpu()) if hasattr(value, "detach") else np.asarray(value)

    def grad(self, function: Callable[..., Array], *args: Array) -> tuple[NDArray[Any], ...]:
        import torch

        gradients = torch.func.grad(function, argnums=tuple(range(len(args))))(*args)
        return tuple(self.numpy(gradient) for gradient in gradients)

    def jvp(self, function: Callable[..., Any], args: Sequence[Array], tangents: Sequence[Array]) -> Any:
        import torch

        return _map(torch.func.jvp(function, tuple(args), tuple(tangents))[1], self.numpy)


def kept(function: F) -> F:
    """Like functools.cache for a function of a backend and hashable arguments, with the backend as its memory.

    Compiled programs of a faulty or foreign variant then go when it goes.
    """

    @functools.wraps(function)
    def remembering(backend: Backend, *args: Any) -> Any:
        key = (function, args)
        if key not in backend.memory:
            backend.memory[key] = function(backend, *args)
        return backend.memory[key]

    return cast(F, remembering)


BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (Reference(), Jax(), Torch())}


def select(name: str) -> tuple[Backend, ...]:
    """The backends an option names: "all", or one; the reference always comes first with "all"."""
    _settings["backend"] = name
    return selected()


def selected() -> tuple[Backend, ...]:
    """The backends of this run, installed or not."""
    name = _settings["backend"]
    return tuple(BACKENDS.values()) if name == "all" else (BACKENDS[name],)


def configure(device: str = "cpu", precision: str = "highest") -> None:
    """Choose device and matrix-product precision for the process; JAX gets float64.

    Args:
        device: "cpu" or "cuda".
        precision: "highest" (float32 products in full) or "fast" (TF32 where the device has it).

    Raises:
        UsageError: "cuda" where a selected framework finds no GPU.
    """
    _settings.update(device=device, precision=precision)
    if not BACKENDS["jax"].missing:
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest" if precision == "highest" else "tensorfloat32")
    if not BACKENDS["torch"].missing:
        import torch

        torch.set_float32_matmul_precision("highest" if precision == "highest" else "high")
    if device == "cuda":
        blind = [backend.name for backend in selected() if not backend.missing and not backend.sees_gpu]
        if blind:
            raise UsageError(
                f"--device cuda: {' and '.join(blind)} {'finds' if len(blind) == 1 else 'find'} no NVIDIA GPU here; "
                "install the framework's CUDA build, choose another --backend, or use --device cpu"
            )


def precision() -> str:
    """The precision in force."""
    return _settings["precision"]


def _single(value: Any) -> complex:
    number = np.asarray(value)
    if number.shape != ():
        raise ValueError(f"a gradient needs a scalar function, this one returned shape {number.shape}")
    return complex(number)


def _map(tree: Any, function: Callable[[Any], Any]) -> Any:
    return tuple(function(leaf) for leaf in tree) if isinstance(tree, tuple) else function(tree)
