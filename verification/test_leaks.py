"""Inputs that receive no gradient receive exactly zero, in every mode that users run; and leaks would be seen."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from veloq.core.rows import SPECS
from veloq.verification import leaks
from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import BACKENDS, Backend, selected
from veloq.verification.calls import statics
from veloq.verification.check import check, covers
from veloq.verification.derivatives import DERIVATIVE_CLASS, complex_step, leaves, like
from veloq.verification.leaks import COMPILED, EAGER, Mode, Probe, frozen
from veloq.verification.meta.planting import planted
from veloq.verification.record import aside, current
from veloq.verification.strategies import LAYOUTS, Layout, typical

WITH_RESULTS = [name for name, spec in SPECS.items() if not all(out.index for out in spec.returns)]
WITH_FROZEN = [name for name in WITH_RESULTS if frozen(SPECS[name])]
NAMED = (
    "lean_adjoint",
    "lean_adjoint_heun",
    "adjoint_matching_loss",
    "meanflow_target",
    "td_target_pessimistic",
    "td_target_min",
)
FULL = LAYOUTS[5]
# A compiler unrolls torch's loops, so it gets two steps and not five; four samples, so that not every mask is zero.
SHORT = Layout(batch=(4,), A=2, K=2, T=2, h=3, N=4)
# What torch itself cannot do, by kernel and mode, and the words in which it says so. The kernel differentiates its
# network in forward mode, and a second forward mode around that one is refused.
REFUSED = {
    ("meanflow_target", "dual_numbers"): "Nested forward mode AD is not supported",
    ("meanflow_target", "compiled_jvp"): "refers to a single memory location",
}


def probe(backend: Backend, name: str, layout: Layout = FULL) -> Probe:
    """Two ordinary calls of a kernel."""
    return Probe(backend, tuple(typical(SPECS[name], layout, seed) for seed in (0, 1)))


def check_mode(mode: Mode, subject: Probe) -> None:
    """Nothing leaks, or the framework refuses in the words that are listed, and only then."""
    name, backend = subject.spec.name, subject.backend.name
    refusal = REFUSED.get((name, mode.__name__)) if backend == "torch" else None
    if refusal is not None:
        with pytest.raises(RuntimeError, match=re.escape(refusal)):
            list(mode(subject))
        return
    for what, value in mode(subject):
        assert_exact(value, np.zeros(value.shape), f"{name}: leak into {what} in {mode.__name__} on {backend}")


@pytest.mark.parametrize("name", WITH_FROZEN)
@covers("GRAD", "no leak in torch's .backward, func.grad, func.jvp, dual numbers and vmap, nor in jax.vmap")
def test_no_leak(framework: Backend, name: str) -> None:
    """Forward and reverse, with respect to every frozen argument, parameters inside callables included."""
    subject = probe(framework, name)
    for mode in EAGER[framework.name]:
        current().examples += 1
        check_mode(mode, subject)


@pytest.mark.parametrize("name", WITH_RESULTS)
@covers("GRAD", "compiled forward-mode differentiation drops no tangent: it equals the reference's complex step")
@covers("GRAD", "no leak inside a jitted lax.scan and under torch.compile (AOTAutograd): func.jvp, .backward")
def test_compiled(framework: Backend, name: str) -> None:
    """Compilers differentiate the program that they have rewritten."""
    subject = probe(framework, name, SHORT)
    for mode in COMPILED[framework.name] if frozen(subject.spec) else ():
        current().examples += 1
        check_mode(mode, subject)
    if subject.spec.differentiable:
        current().examples += 1
        check_tangents(subject)


def check_tangents(subject: Probe) -> None:
    """Compiled J v along the differentiable arguments."""
    case, backend, v = subject.lanes[0], subject.backend, subject.drawn(True)
    forward = subject.program(subject.tree(), like(v, lambda _, leaf: backend.array(leaf)))
    bound = DERIVATIVE_CLASS.get(case.spec.tolerance, case.spec.tolerance)
    for actual, want in zip(forward, complex_step(case, v, statics(case), subject.kept), strict=True):
        assert_close(backend.numpy(actual), want, bound, f"{case.spec.name}: compiled J v on {backend.name}")


@check("GRAD", "no_grad does not stop forward-mode tangents in torch: kernels must detach, and do")
def test_no_grad_does_not_stop_tangents() -> None:
    """Neither of torch.func.jvp nor of dual numbers; a kernel that trusted in it would leak in both."""
    backend = torch_or_skip()
    import torch

    forward_ad: Any = torch.autograd.forward_ad

    def trusting(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return 3.0 * x

    x, dx = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    assert_exact(torch.func.jvp(trusting, (x,), (dx,))[1], 3.0 * dx, "tangent through no_grad in torch.func.jvp")
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(trusting(forward_ad.make_dual(x, dx))).tangent
        assert_exact(tangent, 3.0 * dx, "tangent through no_grad in dual numbers")
    with planted(backend, "routing", without_detaching) as leaky:
        for name in ("lean_adjoint", "td_target_min"):
            for mode in (leaks.jvp, leaks.dual_numbers, leaks.vmap):
                check_mode(mode, probe(backend, name))
                assert_leak_is_seen(mode, probe(leaky, name))
            check_mode(leaks.backward, probe(leaky, name))


@pytest.mark.parametrize("name", NAMED)
def test_a_missing_stop_gradient_is_seen(framework: Backend, name: str) -> None:
    """The measure itself: every mode turns red when the kernel's module has lost all its stop-gradients."""
    module = getattr(framework.K, name).__module__.rpartition(".")[2]
    with planted(framework, module, WITHOUT_STOPS[framework.name]) as leaky:
        for mode in EAGER[framework.name]:
            if (name, mode.__name__) not in REFUSED:
                assert_leak_is_seen(mode, probe(leaky, name))
        if name == "adjoint_matching_loss":
            for mode in COMPILED[framework.name]:
                assert_leak_is_seen(mode, probe(leaky, name, SHORT))


def assert_leak_is_seen(mode: Mode, leaky: Probe) -> None:
    """The check of one mode fails on it, and for that reason."""
    with aside(), pytest.raises(AssertionError, match="leak into"):
        check_mode(mode, leaky)


def without_detaching(source: str) -> str:
    """torch's routing with kernels that only run under no_grad."""
    wanted = "stop_gradient(function(*args, **kwargs))"
    assert wanted in source
    return source.replace(wanted, "function(*args, **kwargs)")


def without_stops_in_torch(source: str) -> str:
    """A module of torch kernels without `detach` and `without_gradient`."""
    return source.replace("@without_gradient\n", "").replace(".detach()", "")


def without_stops_in_jax(source: str) -> str:
    """A module of JAX kernels without `stop_gradient` and `frozen`."""
    return source.replace("lax.stop_gradient(", "(") + "\nfrom .routing import arrays as frozen\n"


WITHOUT_STOPS: dict[str, Callable[[str], str]] = {"jax": without_stops_in_jax, "torch": without_stops_in_torch}


def torch_or_skip() -> Backend:
    """The torch backend, where it is selected and installed."""
    backend = BACKENDS["torch"]
    if backend not in selected():
        pytest.skip("torch is not selected")
    if backend.missing:
        pytest.skip(f"missing: {backend.missing}")
    return backend


@pytest.mark.parametrize("name", NAMED)
@check("GRAD", "no leak in a captured CUDA graph, and the gradient that it computes equals the eager one")
def test_no_leak_in_a_cuda_graph(name: str) -> None:
    """A prediction is regressed on the kernel's result, as in training: forward and .backward in one graph."""
    backend = torch_or_skip()
    import torch

    if backend.device != "cuda" or not torch.cuda.is_available():
        pytest.skip("missing: no CUDA graph without --device cuda on a machine that has one")
    subject = probe(backend, name)
    tree = like(subject.tree(), lambda _, leaf: leaf.requires_grad_())
    everything = [leaf for _, leaf in leaves(tree)]
    predictions = [torch.zeros_like(weight, requires_grad=True) for weight in subject.cotangents]

    def update() -> None:
        for leaf in (*everything, *predictions):
            leaf.grad = None
        pairs = zip(predictions, subject.results(tree), strict=True)
        sum((prediction - out).square().sum() for prediction, out in pairs).backward()

    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            update()
    torch.cuda.current_stream().wait_stream(side)
    eager = [prediction.grad + 0.0 for prediction in predictions if prediction.grad is not None]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        update()
    graph.replay()
    torch.cuda.synchronize()
    for prediction, want in zip(predictions, eager, strict=True):
        assert_close(backend.numpy(prediction.grad), backend.numpy(want), "recursion", f"{name}: gradient in a graph")
    for what, value in subject.reverse(like(tree, lambda _, leaf: leaf.grad)):
        assert_exact(value, np.zeros(value.shape), f"{name}: leak into {what} in a CUDA graph")
