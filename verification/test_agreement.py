"""Every kernel: JAX and torch against the float64 reference, in both precisions."""

import numpy as np
import pytest
from hypothesis import given, settings

from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_exact
from veloq.verification.backends import Backend
from veloq.verification.calls import assert_agrees, compiled, on_backend, reference, runner, statics
from veloq.verification.check import counted, covers
from veloq.verification.profiles import examples
from veloq.verification.strategies import Case, cases, layouts, result_shapes


@pytest.mark.parametrize("name", SPECS)
@covers("AGREE", "every kernel equals the float64 reference in float64 and float32: values, shape, dtype, finite")
def test_agreement(backend: Backend, name: str) -> None:
    """JAX under jit, torch eagerly; the reference against its own promises on shapes, dtype and finiteness."""
    spec = SPECS[name]

    @given(case=cases(spec, layouts()))
    @settings(max_examples=examples(spec.examples))
    @counted
    def agreement(case: Case) -> None:
        expected = reference(case)
        if backend.name == "reference":
            for out, promised in zip(expected, result_shapes(case), strict=True):
                assert_exact(out.shape, promised, f"{name} shape")
                assert np.isfinite(out).all()
            return
        run = (compiled if backend.name == "jax" else runner)(backend, name, statics(case))
        for dtype in ("float64", "float32"):
            assert_agrees(case, backend, run(on_backend(backend, case, dtype)), expected, dtype)

    agreement()
