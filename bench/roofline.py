"""What the device allows: its matrix-product and copy rates, measured here, and the least work of a case.

A bound is the longer of two times: the floating-point operations of the case's matrix products at the measured
rate, and its arguments read and results written once at the rate of a copy. Work between is free, so that no
program can be faster, unless the data stays in a cache that the copy of a large array does not see.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ..core.spec import Spec
from . import place
from .cases import inputs, network_weights
from .runners import torch_runner
from .timing import median_seconds

SIDE, COPIED, ROUNDS = 1024, 1 << 25, 5


class Rates(NamedTuple):
    """Operations and bytes a second; a copy of n bytes moves 2 n."""

    flops: float
    bytes: float


class Work(NamedTuple):
    """Floating-point operations of the matrix products; bytes read and written at least."""

    flops: int
    bytes: int


def bound(work: Work, rates: Rates) -> float:
    """Seconds that no program can beat."""
    return max(work.flops / rates.flops, work.bytes / rates.bytes)


@cache
def rates(backend: str) -> Rates:
    """Measured once in a process: products of square float32 matrices, and a large array written from another."""
    multiply, copy = (_jax_probes if backend == "jax" else _torch_probes)()
    return Rates(2 * SIDE**3 / _seconds(multiply), 2 * 4 * COPIED / _seconds(copy))


@cache
def work(spec: Spec, gradient: bool) -> Work:
    """Counted while the PyTorch kernel runs once: each loop iteration and derivative counts."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    run = torch_runner(spec, gradient)
    with FlopCounterMode(display=False) as counter:
        outs = run()
    results = [out for out in (outs if isinstance(outs, tuple) else (outs,)) if isinstance(out, torch.Tensor)]
    weights = network_weights().values() if any(_network(arg.kind) for arg in spec.args) else ()
    arrays = [value for value in inputs(spec).values() if hasattr(value, "nbytes")]
    read = sum(int(value.nbytes) for value in (*arrays, *weights))
    written = sum(out.element_size() * out.numel() for out in results)
    return Work(int(counter.get_total_flops()), read + written)


def _network(kind: str) -> bool:
    return kind in ("field", "average_field", "critic")


def _seconds(run: Callable[[], Any]) -> float:
    run()
    return median_seconds(run, ROUNDS)


def _jax_probes() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import jax
    import jax.numpy as jnp

    from ..backends.jax.engine import MATMUL, find_device

    square, long = jax.device_put(
        (jnp.ones((SIDE, SIDE), jnp.float32), jnp.ones(COPIED, jnp.float32)), find_device(place.device())
    )
    with jax.default_matmul_precision(MATMUL[place.precision()]):
        multiply = jax.jit(lambda x: x @ x).lower(square).compile()
    # Negated in place: XLA would return a copied argument itself, and a fresh result costs the time of its pages.
    negate = jax.jit(lambda x: -x, donate_argnums=0)
    held = [long]

    def copy() -> None:
        held[0] = jax.block_until_ready(negate(held[0]))

    return lambda: jax.block_until_ready(multiply(square)), copy


def _torch_probes() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    from ..backends.torch.engine import matmul_precision

    device = torch.device(place.device())
    square = torch.ones((SIDE, SIDE), device=device)
    source, sink = torch.ones(COPIED, device=device), torch.empty(COPIED, device=device)

    def finished() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    def multiply() -> None:
        with matmul_precision(place.precision(), device):
            square @ square
        finished()

    def copy() -> None:
        sink.copy_(source)
        finished()

    return multiply, copy
