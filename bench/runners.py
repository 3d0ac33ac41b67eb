"""One kernel, forward and with its gradient, as a user of each framework would run it."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..core.spec import Spec
from . import place
from .cases import callables, inputs, network_weights

Runner = Callable[[], Any]

# Kernels written by hand in `hand_jax` and `hand_torch`.
HAND = (
    "euler",
    "memoryless_sde",
    "lean_adjoint",
    "adjoint_matching_loss",
    "meanflow_target",
    "td_target_pessimistic",
    "flow_td_target",
    "ddpm_step",
    "ddim_step",
    "best_of_n",
    "expectile_loss",
)


def jax_runner(spec: Spec, gradient: bool, by_hand: bool = False) -> Runner:
    """Jitted; the returned call waits for its result."""
    import jax
    import jax.numpy as jnp

    from ..backends.jax.engine import MATMUL, find_device

    kernel = _kernel(spec, "jax", by_hand)
    given = inputs(spec)
    numbers = {name: value for name, value in given.items() if not hasattr(value, "shape")}
    arrays = {name: jnp.asarray(value) for name, value in given.items() if hasattr(value, "shape")}
    weights = {name: jnp.asarray(value) for name, value in network_weights().items()}
    arrays, weights = jax.device_put((arrays, weights), find_device(place.device()))

    def forward(arrays: Any, weights: Any) -> Any:
        with jax.default_matmul_precision(MATMUL[place.precision()]):
            return kernel(**arrays, **numbers, **callables(spec, jnp, weights))

    def total(arrays: Any, weights: Any) -> Any:
        outs = forward(arrays, weights)
        return sum(jnp.sum(out) for out in (outs if isinstance(outs, tuple) else (outs,)))

    run = jax.jit(jax.grad(total, argnums=(0, 1)) if gradient else forward)
    jax.block_until_ready(run(arrays, weights))
    return lambda: jax.block_until_ready(run(arrays, weights))


def torch_runner(spec: Spec, gradient: bool, by_hand: bool = False) -> Runner:
    """Eager; on a GPU the returned call waits for its result."""
    import array_api_compat.torch as xp
    import torch

    from ..backends.torch.engine import matmul_precision

    kernel = _kernel(spec, "torch", by_hand)
    device = torch.device(place.device())
    given = inputs(spec)
    numbers = {name: value for name, value in given.items() if not hasattr(value, "shape")}
    arrays = {
        name: torch.tensor(value, device=device).requires_grad_(gradient)
        for name, value in given.items()
        if hasattr(value, "shape")
    }
    weights = {
        name: torch.tensor(value, device=device).requires_grad_(gradient) for name, value in network_weights().items()
    }
    fields = callables(spec, xp, weights)
    leaves = [*arrays.values(), *weights.values()]

    def run() -> Any:
        with matmul_precision(place.precision(), device):
            outs = kernel(**arrays, **numbers, **fields)
            if gradient:
                total = sum(out.sum() for out in (outs if isinstance(outs, tuple) else (outs,)))
                outs = torch.autograd.grad(total, leaves, allow_unused=True)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return outs

    return run


def reference_runner(spec: Spec) -> Runner:
    """The NumPy reference: float64 loops."""
    import numpy as np

    given, kernel = inputs(spec), getattr(import_module("..reference", __package__), spec.name)
    fields = callables(spec, np, network_weights())
    return lambda: kernel(**given, **fields)


def _kernel(spec: Spec, backend: str, by_hand: bool) -> Any:
    module = f".hand_{backend}" if by_hand else f"..backends.{backend}"
    return getattr(import_module(module, __package__), spec.name)


RUNNERS = {"jax": jax_runner, "torch": torch_runner}
