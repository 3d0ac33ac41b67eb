"""Derivatives of every kernel: JAX = torch = complex step of the reference; transposes; routing zeros."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.core.rows import SPECS
from veloq.core.spec import Spec
from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import BACKENDS, Backend
from veloq.verification.calls import on_backend, runner, statics
from veloq.verification.check import check, counted, covers
from veloq.verification.derivatives import (
    DERIVATIVE_CLASS,
    both_modes,
    complex_step,
    leaves,
    like,
    real_results,
)
from veloq.verification.profiles import examples
from veloq.verification.strategies import LAYOUTS, Case, cases, layouts, result_shapes, typical

WITH_RESULTS = [name for name, spec in SPECS.items() if not all(out.index for out in spec.returns)]
WITH_FROZEN = [name for name in WITH_RESULTS if any(not a.gradient and a.kind != "integer" for a in SPECS[name].args)]
CARRIED = 1e-25  # between the outer and the inner step: far below rounding, but not beside the inner one
EAGER = 2  # examples of an eager scan, which is compiled anew for each
MAX_ENTRIES = 24  # up to which every entry gets a complex step of its own


def tangents_for(case: Case, seed: int, moves: Any) -> dict[str, Any]:
    """Random directions on the arguments that `moves` accepts, zero elsewhere."""
    rng = np.random.default_rng(seed)

    def draw(path: Any, leaf: Any) -> Any:
        return rng.standard_normal(np.shape(leaf)) * moves(case.spec.arg(path[0])) + 0.0

    tangents: dict[str, Any] = like(case.tree, draw)
    return tangents


def cotangents_for(case: Case, seed: int) -> tuple[Any, ...]:
    """Random weights of the differentiable results."""
    rng = np.random.default_rng((seed, 1))
    return tuple(rng.standard_normal(result_shapes(case)[position]) for position in real_results(case))


def derivatives(
    backend: Backend, case: Case, tangents: Mapping[str, Any], cotangents: tuple[Any, ...], jit: bool = True
) -> tuple[tuple[Any, ...], dict[tuple[str, ...], Any]]:
    """(J tangents, Jᵀ cotangents) as NumPy, the latter by path."""
    mode = both_modes(backend, case.spec.name, statics(case), real_results(case), jit)
    forward, reverse = mode(
        on_backend(backend, case),
        like(tangents, lambda _, leaf: backend.array(leaf)),
        tuple(backend.array(weight) for weight in cotangents),
    )
    return tuple(backend.numpy(out) for out in forward), {path: backend.numpy(leaf) for path, leaf in leaves(reverse)}


@pytest.mark.parametrize("name", WITH_RESULTS)
@covers("GRAD", "derivatives equal the reference's complex step, JVP and VJP are transposes, routing zeros are exact")
def test_gradients(backend: Backend, name: str) -> None:
    """With respect to every argument, parameters inside callables included; in JAX under jit."""
    spec = SPECS[name]

    @given(case=cases(spec, layouts(), smooth=True), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=examples(max(20, spec.examples // 4)))
    @counted
    def gradients(case: Case, seed: int) -> None:
        if spec.differentiable:
            check_values(backend, case, seed)
        if frozen(spec):
            check_routing(backend, case, seed, jit=True)

    gradients()


@pytest.mark.parametrize("name", WITH_FROZEN)
@covers("GRAD", "routing zeros are exact in eager calls too, without a compiler to remove what is not used")
def test_eager_routing(framework: Backend, name: str) -> None:
    """One layout: every example of a kernel with a scan is compiled anew."""
    spec = SPECS[name]

    @given(case=cases(spec, LAYOUTS[1:2], smooth=True), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=EAGER)
    @counted
    def routing(case: Case, seed: int) -> None:
        check_routing(framework, case, seed, jit=False)

    routing()


@pytest.mark.parametrize("name", WITH_FROZEN)
@check("GRAD", "on the reference, a direction carried by arguments and parameters does not change a kernel's value")
def test_carried_directions_leave_the_value(backend: Backend, name: str) -> None:
    """Inner derivatives are complex steps too, and must not take the outer direction for their own."""
    if backend.name != "reference":
        pytest.skip("JAX and torch carry derivatives beside values, not inside them")
    case = typical(SPECS[name], LAYOUTS[5])
    directions = tangents_for(case, 0, lambda arg: True)
    carried = like(case.tree, lambda path, leaf: leaf + 1j * CARRIED * dict(leaves(directions))[path])
    run = runner(backend, name, statics(case))
    for position, plain in enumerate(run(case.tree)):
        value = np.real(run(carried)[position])
        assert_close(value.astype(np.float64), np.asarray(plain, np.float64), SPECS[name].tolerance, name)


def frozen(spec: Spec) -> list[str]:
    """Arguments that must receive exactly zero."""
    return [arg.name for arg in spec.args if not arg.gradient and arg.kind != "integer"]


def check_values(backend: Backend, case: Case, seed: int) -> None:
    """J v, Jᵀ w and <v, Jᵀ w> = <J v, w>, with v on the differentiable arguments."""
    name = case.spec.name
    bound = DERIVATIVE_CLASS.get(case.spec.tolerance, case.spec.tolerance)
    tangents = tangents_for(case, seed, lambda arg: arg.gradient)
    cotangents = cotangents_for(case, seed)
    expected = complex_step(case, tangents, statics(case), real_results(case))
    if backend.name == "reference":
        assert all(np.isfinite(out).all() for out in expected)
        return
    forward, reverse = derivatives(backend, case, tangents, cotangents)
    for position, (actual, want) in enumerate(zip(forward, expected, strict=True)):
        assert_close(actual, want, bound, f"{name} J v, result {position}, on {backend.name}")
    assert_close(
        np.asarray(sum(np.sum(reverse[path] * leaf) for path, leaf in leaves(tangents))),
        np.asarray(sum(np.sum(out * weight) for out, weight in zip(forward, cotangents, strict=True))),
        bound,
        f"{name} <v, Jᵀw> = <J v, w> on {backend.name}",
    )
    for path in pick(case, seed):
        want = entrywise(case, path, cotangents)
        assert_close(reverse[path], want, bound, f"{name} Jᵀw of {'.'.join(path)} on {backend.name}")


def check_routing(backend: Backend, case: Case, seed: int, jit: bool) -> None:
    """Exactly zero in forward mode along the frozen arguments, and in reverse mode at them."""
    name, stopped = case.spec.name, frozen(case.spec)
    tangents = tangents_for(case, seed, lambda arg: not arg.gradient)
    if backend.name == "reference":
        for out in complex_step(case, tangents, statics(case), real_results(case), backend):
            assert_exact(out, np.zeros(out.shape), f"{name}: forward derivative along {stopped}")
        return
    forward, reverse = derivatives(backend, case, tangents, cotangents_for(case, seed), jit)
    for path, leaf in reverse.items():
        if path[0] in stopped:
            what = f"{name}: gradient of {'.'.join(path)} on {backend.name}"
            assert_exact(leaf, np.zeros(leaf.shape), what)
    for out in forward:
        assert_exact(out, np.zeros(out.shape), f"{name}: forward derivative along {stopped} on {backend.name}")


def pick(case: Case, seed: int) -> list[tuple[str, ...]]:
    """One differentiable array small enough to be differentiated entry by entry, if there is one."""
    small = [
        path for path, leaf in leaves(case.tree) if case.spec.arg(path[0]).gradient and 0 < np.size(leaf) <= MAX_ENTRIES
    ]
    return [small[seed % len(small)]] if small else []


def entrywise(case: Case, path: tuple[str, ...], cotangents: tuple[Any, ...]) -> Any:
    """Jᵀ cotangents of the reference for one array, one complex step per entry."""
    shape = np.shape(dict(leaves(case.tree))[path])
    gradient = np.zeros(shape)
    for index in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[index] = 1.0

        def one_entry(at: Any, leaf: Any, unit: Any = unit) -> Any:
            return unit if at == path else np.zeros(np.shape(leaf))

        tangents = like(case.tree, one_entry)
        outs = complex_step(case, tangents, statics(case), real_results(case))
        gradient[index] = sum(np.sum(out * weight) for out, weight in zip(outs, cotangents, strict=True))
    return gradient


@covers("GRAD", "the pessimistic value has a finite gradient where all members agree")
def test_finite_where_members_agree(framework: Backend) -> None:
    """The standard deviation has no derivative there; its subgradient 0 leaves the mean's 1/K."""
    for members in (1, 2, 5):
        q = np.full((members, 3), 0.7)
        (gradient,) = framework.grad(
            lambda x: framework.xp.sum(framework.K.ensemble_lower_bound(x, 0.5)), framework.array(q)
        )
        assert_close(gradient, np.full(q.shape, 1.0 / members), "reduction", "gradient at equal members")


def test_complex_step_sees_a_wrong_gradient() -> None:
    """The measure itself: an entrywise gradient of a known function."""
    spec: Spec = SPECS["expectile_loss"]
    reference = BACKENDS["reference"]
    (gradient,) = reference.grad(lambda x: reference.K.expectile_loss(x, 0.75).sum(), np.array([2.0, -1.0]))
    assert spec.arg("diff").gradient
    assert_close(gradient, np.array([2 * 0.75 * 2.0, -2 * 0.25 * 1.0]), "derivative")
