"""torch.compile with its default backend, which fuses: some releases dropped forward-mode tangents or step sizes."""

import functools
import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check, covers
from veloq.verification.fields import MLPField
from veloq.verification.leaks import Probe, backward
from veloq.verification.record import aside, current
from veloq.verification.strategies import LAYOUTS, typical

ACTION, BATCH, STEPS = 3, 4, 3


def lean_adjoint(backend: Backend, field: MLPField, rng: np.random.Generator) -> tuple[Any, tuple[Any, ...]]:
    """A recursion of vector-Jacobian products."""
    base = field.field(backend)
    xs, terminal = rng.standard_normal((STEPS + 1, BATCH, ACTION)), rng.standard_normal((BATCH, ACTION))
    return lambda xs, g: backend.K.lean_adjoint(base, xs, g), (backend.array(xs), backend.array(terminal))


def memoryless_sde(backend: Backend, field: MLPField, rng: np.random.Generator) -> tuple[Any, tuple[Any, ...]]:
    """A recursion whose steps add a scaled matrix product."""
    v = field.field(backend)
    x0, noises = rng.standard_normal((BATCH, ACTION)), rng.standard_normal((STEPS - 1, BATCH, ACTION))
    return lambda x, z: backend.K.memoryless_sde(v, v, x, z), (backend.array(x0), backend.array(noises))


def meanflow_target(backend: Backend, field: MLPField, rng: np.random.Generator) -> tuple[Any, tuple[Any, ...]]:
    """A forward-mode derivative."""
    u = field.average_field(backend)
    x, v = rng.standard_normal((2, BATCH, ACTION))
    t, r = np.sort(rng.uniform(size=(2, BATCH, 1)), axis=0)
    arrays = tuple(backend.array(value) for value in (x, v, t, r))
    return lambda x, v, t, r: backend.K.meanflow_target(u, x, v, t, r), arrays


@pytest.mark.slow
@pytest.mark.parametrize("case", [lean_adjoint, memoryless_sde, meanflow_target])
@check("MODES", "torch.compile (inductor, full graph) and jax.jit of adjoint, SDE and MeanFlow kernels equal eager")
def test_compiled_equals_eager(framework: Backend, case: Any) -> None:
    kernel, arrays = case(framework, MLPField(0, ACTION), np.random.default_rng(0))
    compiled = compiler(framework)(kernel)
    expected = framework.numpy(kernel(*arrays))
    assert_close(framework.numpy(compiled(*arrays)), expected, "recursion", what=case.__name__)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adjoint_matching_loss", "td_target_pessimistic"])
@covers("GRAD", "no leak where torch.compile generates code (inductor): func.jvp, func.vjp and .backward")
def test_no_leak_in_generated_code(framework: Backend, name: str) -> None:
    """One loss that keeps a gradient and one target that has none; in JAX the generated code is XLA's."""
    compiler(framework)
    subject = Probe(framework, (typical(SPECS[name], LAYOUTS[5]),))
    modes: dict[str, Callable[[], Any]] = {
        "func.jvp": lambda: subject.forward(
            subject.compile(subject.jvp, "inductor")(subject.tree(), subject.tangents())
        ),
        "func.vjp": lambda: subject.reverse(
            subject.compile(subject.vjp, "inductor")(subject.tree(), subject.cotangents)
        ),
        ".backward": lambda: backward(subject, "inductor") if framework.name == "torch" else iter(()),
    }
    for mode, run in modes.items():
        current().examples += 1
        for what, value in run():
            assert_exact(value, np.zeros(value.shape), f"{name}: leak into {what} in {mode} on {framework.name}")


@pytest.mark.parametrize("dropped", [(0,), (1,), (0, 1)], ids=["x", "t", "both"])
@check("MODES", "a MeanFlow target whose compiler drops tangents differs from the eager one by more than the tolerance")
def test_a_dropped_tangent_is_seen(framework: Backend, dropped: tuple[int, ...]) -> None:
    """Written out by hand: with every tangent it is the kernel's target, without one of them it is not."""
    field = MLPField(0, ACTION)
    kernel, (x, v, t, r) = meanflow_target(framework, field, np.random.default_rng(0))
    u, one, zero = field.average_field(framework), t * 0.0 + 1.0, r * 0.0
    expected = framework.numpy(kernel(x, v, t, r))

    def target(tangents: tuple[Any, ...]) -> Any:
        return framework.numpy(v) + framework.numpy(r - t) * framework.jvp(u, (x, t, r), tangents)

    tangents = (v, one, zero)
    assert_close(target(tangents), expected, "recursion", "MeanFlow by hand")
    kept = tuple(0.0 * tangent if position in dropped else tangent for position, tangent in enumerate(tangents))
    with aside(), pytest.raises(AssertionError, match="times the recursion"):
        assert_close(target(kept), expected, "recursion")


def compiler(framework: Backend) -> Callable[[Any], Any]:
    """The framework's whole-program compiler, as users call it."""
    if framework.name == "jax":
        return framework.compiled
    if sys.platform == "linux" and shutil.which("g++") is None:
        pytest.skip("torch.compile needs g++, which is not installed")
    import torch

    torch.compiler.reset()
    return functools.partial(torch.compile, fullgraph=True)
