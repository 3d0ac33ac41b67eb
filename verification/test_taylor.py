"""Taylor's remainder: what a derivative leaves over shrinks with the square of the step."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_at_most, assert_close
from veloq.verification.backends import Backend
from veloq.verification.calls import Tree
from veloq.verification.check import counted, covers
from veloq.verification.derivatives import DERIVATIVE_CLASS, leaves, real_results
from veloq.verification.profiles import examples
from veloq.verification.record import aside
from veloq.verification.strategies import LAYOUTS, Case, cases, distance_to_kink, typical
from veloq.verification.taylor import DIRECTIONS, direction, expand, fitted_slope, moved, remainders, steps_for

DIFFERENTIABLE = [name for name, spec in SPECS.items() if spec.differentiable]
# Five members and four samples: with two of them a spread has no curvature.
LAYOUT = LAYOUTS[5]
Expansion = tuple[Case, Tree, tuple[float, ...]]
WITHIN = 0.05
# Results that are affine, or piecewise affine, in the differentiable arguments: their remainder is zero to rounding.
AFFINE = {
    ("linear_path", "v"),
    ("vp_path", "x"),
    ("vp_denoise", "denoised"),
    ("ddpm_mean", "mean"),
    ("ddpm_step", "x_next"),
    ("ddpm_posterior_step", "x_next"),
    ("ddim_step", "x_next"),
    ("ensemble_mean", "value"),
    ("ensemble_min", "value"),
    ("best_of_n", "action"),
    ("guided_velocity", "v"),
}
# A diagnosis whose derivative is zero by its row's documentation, whatever its value does.
WITHOUT_DERIVATIVE = {("invert_euler", "residual")}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@covers("GRAD", "Taylor's remainder |f(x + h d) - f(x) - h J d| falls as h^2 (± 0.05), or is zero where f is affine")
def test_taylor_remainder(backend: Backend, name: str) -> None:
    """Every result of every kernel, along directions in all differentiable arguments at once."""

    @given(expansion=expansions(name))
    @settings(max_examples=examples(10))
    @counted
    def remainder(expansion: Expansion) -> None:
        check_remainder(backend, *expansion)

    remainder()


@st.composite
def expansions(draw: st.DrawFn, name: str) -> Expansion:
    """A call, a direction, and steps that show the second order of its curved results; none are needed without one."""
    case = draw(cases(SPECS[name], (LAYOUT,), smooth=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curved = tuple(k for k, name in enumerate(named(case)) if name not in AFFINE | WITHOUT_DERIVATIVE)
    for _ in range(DIRECTIONS):
        d = direction(case, rng)
        steps = steps_for(case, d, curved)
        if steps:
            break
    assume(steps)
    return case, d, steps


def named(case: Case) -> list[tuple[str, str]]:
    """(kernel, result) of every result that has a derivative."""
    return [(case.spec.name, case.spec.returns[position].name) for position in real_results(case)]


def check_remainder(backend: Backend, case: Case, d: Tree, steps: tuple[float, ...]) -> None:
    """The curved results by their slope, the affine ones by their size."""
    names = named(case)
    if not AFFINE.issuperset(names):
        for name, sizes in zip(names, remainders(backend, case, d, steps), strict=True):
            if name not in AFFINE | WITHOUT_DERIVATIVE:
                off = abs(fitted_slope(steps, sizes) - 2.0)
                assert_at_most(off, WITHIN, f"{'.'.join(name)}: slope of the remainder minus 2 on {backend.name}")
    if AFFINE.intersection(names):
        bound = DERIVATIVE_CLASS.get(case.spec.tolerance, case.spec.tolerance)
        h = min(0.5, distance_to_kink(case) / 4)
        values, slopes = expand(backend, case, d)
        ahead = expand(backend, moved(case, dict(leaves(d)), h), d)[0]
        for name, later, value, slope in zip(names, ahead, values, slopes, strict=True):
            if name in AFFINE:
                assert_close(later, value + h * slope, bound, f"{'.'.join(name)} on {backend.name}")


def stopped_in_jax(kernel: Any, share: float) -> Any:
    """The kernel's value with its derivative scaled by 1 - share."""
    import jax

    return lambda **given: jax.tree.map(
        lambda out: share * jax.lax.stop_gradient(out) + (1 - share) * out, kernel(**given)
    )


def stopped_in_torch(kernel: Any, share: float) -> Any:
    """The same in torch."""

    def scaled(**given: Any) -> Any:
        result = kernel(**given)
        outs = tuple(share * out.detach() + (1 - share) * out for out in as_tuple(result))
        return outs if isinstance(result, tuple) else outs[0]

    return scaled


def as_tuple(result: Any) -> tuple[Any, ...]:
    """One result or several."""
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("share", [1.0, 0.01])
@pytest.mark.parametrize("name", ["expectile_loss", "euler", "tanh_normal", "vp_path"])
def test_a_wrong_derivative_is_seen(framework: Backend, name: str, share: float) -> None:
    """The measure itself: the right value with a derivative that is too small, altogether or by a hundredth."""
    stopped = {"jax": stopped_in_jax, "torch": stopped_in_torch}[framework.name]
    wrong = framework.variant()
    # `K` is a cached property: what stands in its place is found first.
    wrong.__dict__["K"] = SimpleNamespace(**{name: stopped(getattr(framework.K, name), share)})
    case = typical(SPECS[name], LAYOUT)
    curved = tuple(k for k, each in enumerate(named(case)) if each not in AFFINE)
    d = direction(case, np.random.default_rng(0))
    steps = steps_for(case, d, curved)
    check_remainder(framework, case, d, steps)
    with aside(), pytest.raises(AssertionError, match=r"slope of the remainder|vp_path"):
        check_remainder(wrong, case, d, steps)
