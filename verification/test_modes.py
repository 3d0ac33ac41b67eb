"""Every kernel eagerly, on strided and read-only inputs that stay untouched, and under vmap."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from veloq.core.rows import SPECS
from veloq.core.spec import Spec
from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import BACKENDS, Backend, kept, selected
from veloq.verification.calls import assert_agrees, compiled, on_backend, reference, runner, statics, with_numbers
from veloq.verification.check import counted, covers
from veloq.verification.profiles import examples
from veloq.verification.strategies import LAYOUTS, Case, cases, typical

# Eager JAX compiles every operation for every shape, and vmap every kernel: two layouts are enough here.
FEW = (LAYOUTS[1], LAYOUTS[5])
LANES = 2


@pytest.mark.parametrize("name", SPECS)
@covers("MODES", "eager calls on strided, read-only inputs and Python numbers agree and leave every input untouched")
def test_inputs(backend: Backend, name: str) -> None:
    """What a user's array may look like: transposed, strided, read-only NumPy given to JAX."""
    spec = SPECS[name]

    @given(case=cases(spec, FEW), fortran=st.booleans())
    @settings(max_examples=examples(10))
    @counted
    def inputs(case: Case, fortran: bool) -> None:
        tree = {key: _leaves(value, lambda leaf: _strided(backend, leaf, fortran)) for key, value in case.tree.items()}
        before = {key: _leaves(value, lambda leaf: np.array(backend.numpy(leaf))) for key, value in tree.items()}
        results = runner(backend, name, statics(case))(with_numbers(case, tree))
        assert_agrees(case, backend, results, reference(case), "float64")
        for key, value in tree.items():
            _assert_untouched(backend, value, before[key], f"{name} wrote to its argument {key}")

    inputs()


@pytest.mark.parametrize("name", SPECS)
@covers("MODES", "jax.vmap and torch.func.vmap of every kernel equal a loop over the mapped axis")
def test_vmap(framework: Backend, name: str) -> None:
    """Arrays and parameters are mapped; hyper-parameters are shared, as when seeds are an axis."""
    spec, backend = SPECS[name], framework

    @given(lanes=pairs(spec))
    @settings(max_examples=examples(20))
    @counted
    def mapped(lanes: tuple[Case, ...]) -> None:
        trees = [on_backend(backend, case) for case in lanes]
        shared = {arg.name for arg in spec.args if arg.kind == "scalar"} if _has_arrays(spec) else set()
        common = {key: trees[0][key] for key in shared}
        loop = [single(backend, name, statics(lanes[0]))({**tree, **common}) for tree in trees]
        stacked = {key: _stack(backend, [tree[key] for tree in trees]) for key in trees[0] if key not in shared}
        results = batched(backend, name, statics(lanes[0]))(stacked, common)
        for position, out in enumerate(spec.returns):
            want = np.stack([backend.numpy(each[position]) for each in loop])
            got = backend.numpy(results[position])
            what = f"{name} {out.name} under vmap on {backend.name}"
            if out.index:
                assert_exact(got, want, what)
            else:
                assert_close(got, want, spec.tolerance, what)

    mapped()


@pytest.mark.parametrize("name", SPECS)
@covers("MODES", "torch.compile captures every kernel as one graph without a break, and it agrees")
def test_torch_compile(name: str) -> None:
    """Traced by TorchDynamo and run without code generation, which would take minutes and is torch's own matter."""
    backend = BACKENDS["torch"]
    if backend not in selected():
        pytest.skip("torch is not selected")
    if backend.missing:
        pytest.skip(f"missing: {backend.missing}")
    import torch

    case = typical(SPECS[name], LAYOUTS[5])
    torch.compiler.reset()
    traced = torch.compile(runner(backend, name, statics(case)), backend="eager", fullgraph=True)
    assert_agrees(case, backend, traced(with_numbers(case, on_backend(backend, case))), reference(case), "float64")


@st.composite
def pairs(draw: st.DrawFn, spec: Spec) -> tuple[Case, ...]:
    """Calls of one layout."""
    layout = draw(st.sampled_from(FEW))
    return tuple(draw(cases(spec, (layout,))) for _ in range(LANES))


def _has_arrays(spec: Spec) -> bool:
    return any(arg.kind == "array" for arg in spec.args)


def single(backend: Backend, name: str, integers: tuple[tuple[str, int], ...]) -> Any:
    """One lane; compiled in JAX, where every eager scan would be compiled anew."""
    return (compiled if backend.name == "jax" else runner)(backend, name, integers)


@kept
def batched(backend: Backend, name: str, integers: tuple[tuple[str, int], ...]) -> Any:
    """The kernel mapped over the leading axis of its first tree, with the second one shared; kept once compiled."""
    run = runner(backend, name, integers)

    def lane(tree: Any, common: Any) -> Any:
        return run({**tree, **common})

    if backend.name == "jax":
        import jax

        return jax.jit(jax.vmap(lane, in_axes=(0, None)))
    import torch

    return torch.func.vmap(lane, in_dims=(0, None))


def _stack(backend: Backend, values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return {key: _stack(backend, [value[key] for value in values]) for key in values[0]}
    return backend.xp.stack(values, axis=0)


def _leaves(value: Any, function: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: function(leaf) for key, leaf in value.items()}
    return function(value)


def _assert_untouched(backend: Backend, value: Any, before: Any, what: str) -> None:
    if isinstance(value, Mapping):
        for key, leaf in value.items():
            assert_exact(backend.numpy(leaf), before[key], what)
    else:
        assert_exact(backend.numpy(value), before, what)


def _strided(backend: Backend, value: NDArray[Any], fortran: bool) -> Any:
    """The same values, every other entry of a larger block or in column order; NumPy ones are read-only."""
    if value.ndim == 0:
        return backend.array(value)
    if backend.name == "torch":
        block = backend.array(np.stack([value, value + 1.0], axis=-1))
        if fortran:
            axes = tuple(range(value.ndim))[::-1]
            return backend.array(np.transpose(value, axes).copy()).permute(axes)
        return block[..., 0]
    array = np.asfortranarray(value) if fortran else np.stack([value, value + 1.0], axis=-1)[..., 0]
    array.flags.writeable = False
    return array


def test_strided_inputs_are_strided() -> None:
    """The helper above must not hand out contiguous arrays."""
    value = np.arange(6.0).reshape(2, 3)
    for fortran in (True, False):
        array = _strided(BACKENDS["reference"], value, fortran)
        assert not array.flags.c_contiguous
        assert not array.flags.writeable
        assert_exact(array, value)
