"""Every kernel: JAX and torch against the float64 reference, in float64, float32 and bfloat16."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veloq.core.rows import SPECS
from veloq.core.tolerances import UNIT_ROUNDOFF
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.bfloat16 import decided, nearest, representable
from veloq.verification.calls import assert_agrees, compiled, on_backend, reference, runner, statics, with_tf32
from veloq.verification.check import check, counted, covers
from veloq.verification.profiles import examples
from veloq.verification.strategies import LAYOUTS, Case, cases, layouts, result_shapes

WITH_NETWORK = [name for name, spec in SPECS.items() if any("field" in a.kind or a.kind == "critic" for a in spec.args)]
# Each layout is one more compilation of every kernel; these three differ in everything.
HALF_LAYOUTS = (LAYOUTS[0], LAYOUTS[3], LAYOUTS[5])


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


@pytest.mark.parametrize("name", SPECS)
@covers("AGREE", "on bfloat16 numbers every kernel answers in bfloat16, within its class's bound of the reference")
def test_agreement_in_bfloat16(framework: Backend, name: str) -> None:
    """The same numbers for both; where the bound is no larger than the result, also its digits (docs/tolerances.md)."""
    spec = SPECS[name]

    @given(case=cases(spec, HALF_LAYOUTS))
    @settings(max_examples=examples(max(spec.examples // 4, 10)))
    @counted
    def agreement(case: Case) -> None:
        case = representable(case)
        assume(decided(case))
        run = (compiled if framework.name == "jax" else runner)(framework, name, statics(case))
        results = run(on_backend(framework, case, "bfloat16"))
        assert_agrees(case, framework, results, reference(case), "bfloat16")

    agreement()


@pytest.mark.parametrize("name", WITH_NETWORK)
@covers("AGREE", "TF32 rounding of every product of a network stays within the bounds of `--precision fast`")
def test_bounds_hold_for_tf32(name: str) -> None:
    """On the reference with both operands of each product rounded to 11 bits, as a GPU rounds them."""
    spec = SPECS[name]

    @given(case=cases(spec))
    @settings(max_examples=examples(spec.examples))
    @counted
    def rounded(case: Case) -> None:
        for out, actual, want in zip(spec.returns, with_tf32(case), reference(case), strict=True):
            what = f"{name} {out.name} with TF32 products"
            assert_close(actual.astype(np.float32), want, spec.tolerance, what, "float32", column="tf32")

    rounded()


@given(value=st.floats(-(2.0**100), 2.0**100, width=32))
@settings(max_examples=examples(300))
@check("AGREE", "rounding to bfloat16 is idempotent, monotone and within a unit roundoff")
def test_nearest_bfloat16(value: float) -> None:
    """What NumPy has no dtype for: every drawn number against the definition of rounding."""
    rounded = nearest(value)
    assert_exact(nearest(rounded), rounded, "rounded twice")
    assert_exact(nearest(-value), -rounded, "sign")
    if abs(value) > 1e-30:
        assert_at_most(abs(rounded - value), UNIT_ROUNDOFF["bfloat16"] * abs(value), "rounding to bfloat16")
    assert nearest(np.nextafter(np.float32(value), np.float32(np.inf))) >= rounded
