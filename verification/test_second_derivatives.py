"""Second derivatives: forward-over-reverse, reverse-over-forward, symmetry, and how the reference's J changes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_at_most, assert_close
from veloq.verification.backends import Array, Backend, kept
from veloq.verification.calls import Tree, on_backend, runner, statics
from veloq.verification.check import counted, covers
from veloq.verification.derivatives import DERIVATIVE_CLASS, complex_step, leaves, like, real_results
from veloq.verification.meta.planting import planted, replacing
from veloq.verification.profiles import examples
from veloq.verification.record import aside
from veloq.verification.strategies import LAYOUTS, Case, cases, result_shapes, typical
from veloq.verification.taylor import direction, moved

DIFFERENTIABLE = [name for name, spec in SPECS.items() if spec.differentiable]
LAYOUT = LAYOUTS[5]
STEP = 2.0**-9
SETTLED = 1e-7
# A fifteenth of that is the truncation that may be left; rounding adds 1e-15 over STEP for each of a hundred terms.
DIFFERENCE = 1e-8
# Kernels whose first derivative bends where this argument is zero: there a symmetric difference sees nothing.
BENDS_AT_ZERO = {"expectile_loss": "diff"}
Products = Callable[[Tree, Tree, tuple[Array, ...]], tuple[Tree, Tree]]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@covers("GRAD", "forward-over-reverse = reverse-over-forward, <u, H v> = <v, H u> = the reference's change of <w, J u>")
def test_second_derivatives(framework: Backend, name: str) -> None:
    """Of every kernel with differentiable arguments, in both frameworks: neither has one that it cannot do."""

    @given(expected=changes(name))
    @settings(max_examples=examples(10))
    @counted
    def second(expected: tuple[Case, int, float]) -> None:
        check_hessian(framework, *expected)

    second()


@st.composite
def changes(draw: st.DrawFn, name: str) -> tuple[Case, int, float]:
    """A call, a seed of its directions u, v and weights w, and d/dε <w, J(x + ε v) u> of the reference.

    Kept where two central differences agree, so away from the kinks of J; what a framework says plays no part.
    """
    case, seed = draw(cases(SPECS[name], (LAYOUT,), smooth=True)), draw(st.integers(0, 2**32 - 1))
    if name in BENDS_AT_ZERO:
        assume(np.min(np.abs(case.tree[BENDS_AT_ZERO[name]])) > 2 * STEP)
    coarse, fine = central(case, seed, STEP), central(case, seed, STEP / 2)
    assume(abs(coarse - fine) <= SETTLED * (1 + abs(fine)))
    # Both differences are of fourth order, this one of sixth.
    return case, seed, (16 * fine - coarse) / 15


def directions(case: Case, seed: int) -> tuple[Tree, Tree, tuple[Any, ...]]:
    """Directions u, v in the differentiable arguments and weights of the differentiable results."""
    rng = np.random.default_rng(seed)
    u, v = direction(case, rng), direction(case, rng)
    return u, v, tuple(rng.standard_normal(result_shapes(case)[position]) for position in real_results(case))


def central(case: Case, seed: int, h: float) -> float:
    """The change of <w, J u> along v by a difference of fourth order; J by the complex step."""
    u, v, weights = directions(case, seed)
    along = dict(leaves(v))

    def product(shift: float) -> float:
        outs = complex_step(moved(case, along, shift), u, statics(case), real_results(case))
        return float(sum(np.sum(out * weight) for out, weight in zip(outs, weights, strict=True)))

    return (8 * (product(h) - product(-h)) - (product(2 * h) - product(-2 * h))) / (12 * h)


def check_hessian(backend: Backend, case: Case, seed: int, expected: float) -> None:
    """H v in two ways, its symmetry, and <u, H v>."""
    name, (u, v, weights) = case.spec.name, directions(case, seed)
    bound = DERIVATIVE_CLASS.get(case.spec.tolerance, case.spec.tolerance)
    products = hessian_products(backend, name, statics(case), real_results(case))

    def both(along: Tree) -> tuple[dict[Any, Any], ...]:
        pair = products(
            on_backend(backend, case),
            like(along, lambda _, leaf: backend.array(leaf)),
            tuple(backend.array(weight) for weight in weights),
        )
        # torch's forward mode returns zeros without storage, which adding a number fills in.
        return tuple({path: backend.numpy(leaf + 0.0) for path, leaf in leaves(tree)} for tree in pair)

    (of_v, reverse_of_v), (of_u, _) = both(v), both(u)
    for path, product in of_v.items():
        what = f"{name}: forward-over-reverse = reverse-over-forward in {'.'.join(path)} on {backend.name}"
        assert_close(product, reverse_of_v[path], bound, what)
    uhv, vhu = (
        np.asarray(sum(np.sum(product[path] * leaf) for path, leaf in leaves(along)))
        for product, along in ((of_v, u), (of_u, v))
    )
    assert_close(uhv, vhu, bound, f"{name}: <u, H v> = <v, H u> on {backend.name}")
    what = f"{name}: <u, H v> minus the reference's change of <w, J u> on {backend.name}"
    assert_at_most(np.abs(uhv - expected), DIFFERENCE * (1 + abs(expected)), what)


@kept
def hessian_products(
    backend: Backend, name: str, integers: tuple[tuple[str, int], ...], kept: tuple[int, ...]
) -> Products:
    """`(tree, v, weights) -> H v` of the weighted results: jvp of grad, and grad of jvp; under jit in JAX."""
    run, xp = runner(backend, name, integers), backend.xp
    grad: Any
    jvp: Any
    if backend.name == "jax":
        import jax

        grad, jvp = jax.grad, jax.jvp
    else:
        import torch

        grad, jvp = torch.func.grad, torch.func.jvp

    def both(tree: Tree, v: Tree, weights: tuple[Array, ...]) -> tuple[Tree, Tree]:
        def weighted(tree: Tree) -> Array:
            outs = run(tree)
            return sum(xp.sum(outs[position] * weight) for position, weight in zip(kept, weights, strict=True))

        return jvp(grad(weighted), (tree,), (v,))[1], grad(lambda tree: jvp(weighted, (tree,), (v,))[1])(tree)

    return backend.compiled(both)


def test_a_wrong_second_derivative_is_seen(framework: Backend) -> None:
    """The measure itself: a loss whose value and first derivative are right, while the second one is zero."""
    square, stopped = {
        "jax": ("jnp.square(diff)", "lax.stop_gradient(diff)"),
        "torch": ("diff.square()", "diff.detach()"),
    }[framework.name]
    edit = replacing(square, f"({stopped} * (2 * diff - {stopped}))", "expectile_loss")
    case = typical(SPECS["expectile_loss"], LAYOUT)
    expected = central(case, 0, STEP)
    check_hessian(framework, case, 0, expected)
    with planted(framework, "value_targets", edit) as wrong, aside(), pytest.raises(AssertionError, match="reference"):
        check_hessian(wrong, case, 0, expected)
