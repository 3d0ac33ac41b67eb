"""Taylor's remainder f(x + h d) - f(x) - h J d, and steps h at which nothing but its second order is seen."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backends import BACKENDS, Backend, kept
from .calls import Tree, on_backend, runner, statics
from .derivatives import Leaves, complex_step, leaves, like, real_results
from .strategies import Case

Values = NDArray[np.float64]
Results = tuple[Values, ...]
LARGEST = (2.0**-6, 2.0**-8, 2.0**-10)
HALVINGS = 4
DIRECTIONS = 4
# h f'''/f'' at the largest step: the fitted slope is then off by a hundredth at most.
BENT = 0.02
# The remainder at the smallest step, in units of 1 + |f|: a thousand times the rounding of a whole sampler.
VISIBLE = 1e-10


def moved(case: Case, directions: Leaves, h: float) -> Case:
    """The same call at x + h d."""
    tree = like(case.tree, lambda path, leaf: leaf + h * directions[path])
    return Case(case.spec, case.layout, case.integers, tree)


def direction(case: Case, rng: np.random.Generator) -> Tree:
    """Entries in [-1, 1] on the differentiable arguments, zero elsewhere."""

    def draw(path: tuple[str, ...], leaf: Values) -> Values:
        return np.asarray(rng.uniform(-1.0, 1.0, np.shape(leaf)) * case.spec.arg(path[0]).gradient + 0.0)

    tree: Tree = like(case.tree, draw)
    return tree


@kept
def value_and_jvp(
    backend: Backend, name: str, integers: tuple[tuple[str, int], ...], kept: tuple[int, ...]
) -> Callable[[Tree, Tree], tuple[Results, Results]]:
    """`(tree, d) -> (f, J d)` in JAX, compiled once for both, or in torch."""
    run = runner(backend, name, integers)

    def results(tree: Tree) -> tuple[object, ...]:
        outs = run(tree)
        return tuple(outs[position] for position in kept)

    jvp: Any
    if backend.name == "jax":
        import jax

        jvp = jax.jvp
    else:
        import torch

        jvp = torch.func.jvp

    def both(tree: Tree, d: Tree) -> Any:
        return jvp(results, (tree,), (d,))

    return backend.compiled(both)


def expand(backend: Backend, case: Case, d: Tree) -> tuple[Results, Results]:
    """f and J d as NumPy; on the reference J d is the complex step."""
    kept = real_results(case)
    if backend.name == "reference":
        outs = runner(backend, case.spec.name, statics(case))(case.tree)
        return tuple(np.asarray(outs[position]) for position in kept), complex_step(case, d, statics(case), kept)
    both = value_and_jvp(backend, case.spec.name, statics(case), kept)
    values, slopes = both(on_backend(backend, case), like(d, lambda _, leaf: backend.array(leaf)))
    return tuple(backend.numpy(out) for out in values), tuple(backend.numpy(out) for out in slopes)


def remainders(backend: Backend, case: Case, d: Tree, steps: tuple[float, ...]) -> tuple[list[float], ...]:
    """‖f(x + h d) - f(x) - h J d‖ of each real result, for every h."""
    at, directions = expand(backend, case, d), dict(leaves(d))
    sizes: tuple[list[float], ...] = tuple([] for _ in at[0])
    for h in steps:
        ahead = expand(backend, moved(case, directions, h), d)[0]
        for size, later, value, slope in zip(sizes, ahead, *at, strict=True):
            size.append(float(np.linalg.norm(later - value - h * slope)))
    return sizes


def fitted_slope(steps: tuple[float, ...], sizes: list[float]) -> float:
    """Of log size against log h; an exact zero among the sizes has none."""
    if not all(size > 0 for size in sizes):
        return float("nan")
    return float(np.polyfit(np.log(steps), np.log(sizes), 1)[0])


def steps_for(case: Case, d: Tree, curved: tuple[int, ...]) -> tuple[float, ...]:
    """Steps at which the second order of every curved result stands alone, by the reference's J; or none.

    Only derivatives of the reference are looked at, so that no fault of a value or of a backend can keep a case out.
    """
    for largest in LARGEST:
        steps = tuple(largest / 2**k for k in range(HALVINGS))
        if all(_second_order_alone(case, d, curved, h) for h in (steps[0], steps[-1])) and _visible(
            case, d, curved, steps[-1]
        ):
            return steps
    return ()


def _second_order_alone(case: Case, d: Tree, curved: tuple[int, ...], h: float) -> bool:
    """J d changes as evenly before x as behind it: no third order, no kink within h."""
    before, here, behind = _jacobians(case, d, -h), _jacobians(case, d, 0.0), _jacobians(case, d, h)
    return all(
        np.linalg.norm(behind[k] - 2 * here[k] + before[k]) <= BENT * np.linalg.norm(behind[k] - before[k])
        for k in curved
    )


def _visible(case: Case, d: Tree, curved: tuple[int, ...], h: float) -> bool:
    """½ h² f''[d, d] rises above rounding."""
    before, behind = _jacobians(case, d, -h), _jacobians(case, d, h)
    values = expand(BACKENDS["reference"], case, d)[0]
    return all(
        h * np.linalg.norm(behind[k] - before[k]) / 4 >= VISIBLE * (1 + np.linalg.norm(values[k])) for k in curved
    )


def _jacobians(case: Case, d: Tree, h: float) -> Results:
    return complex_step(moved(case, dict(leaves(d)), h), d, statics(case), real_results(case))
