"""torch.compile with its default backend, which fuses: some releases dropped forward-mode tangents or step sizes."""

import functools
import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField

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


def compiler(framework: Backend) -> Callable[[Any], Any]:
    """The framework's whole-program compiler, as users call it."""
    if framework.name == "jax":
        return framework.compiled
    if sys.platform == "linux" and shutil.which("g++") is None:
        pytest.skip("torch.compile needs g++, which is not installed")
    import torch

    torch.compiler.reset()
    return functools.partial(torch.compile, fullgraph=True)
