"""One kernel, forward and with its gradient, as a user of each framework would run it."""

from collections.abc import Callable
from typing import Any

from ..core.spec import Spec
from .cases import callables, inputs, network_weights

Runner = Callable[[], Any]


def jax_runner(spec: Spec, gradient: bool) -> Runner:
    """Jitted; the returned call waits for its result."""
    import jax
    import jax.numpy as jnp

    from ..backends import jax as K

    given = inputs(spec)
    numbers = {name: value for name, value in given.items() if not hasattr(value, "shape")}
    arrays = {name: jnp.asarray(value) for name, value in given.items() if hasattr(value, "shape")}
    weights = {name: jnp.asarray(value) for name, value in network_weights().items()}

    def forward(arrays: Any, weights: Any) -> Any:
        return getattr(K, spec.name)(**arrays, **numbers, **callables(spec, jnp, weights))

    def total(arrays: Any, weights: Any) -> Any:
        outs = forward(arrays, weights)
        return sum(jnp.sum(out) for out in (outs if isinstance(outs, tuple) else (outs,)))

    run = jax.jit(jax.grad(total, argnums=(0, 1)) if gradient else forward)
    jax.block_until_ready(run(arrays, weights))
    return lambda: jax.block_until_ready(run(arrays, weights))


def torch_runner(spec: Spec, gradient: bool) -> Runner:
    """Eager, on the GPU when there is one."""
    import array_api_compat.torch as xp
    import torch

    from ..backends import torch as K

    device = "cuda" if torch.cuda.is_available() else "cpu"
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
        outs = getattr(K, spec.name)(**arrays, **numbers, **fields)
        if gradient:
            total = sum(out.sum() for out in (outs if isinstance(outs, tuple) else (outs,)))
            outs = torch.autograd.grad(total, leaves, allow_unused=True)
        if device == "cuda":
            torch.cuda.synchronize()
        return outs

    return run


RUNNERS = {"jax": jax_runner, "torch": torch_runner}
