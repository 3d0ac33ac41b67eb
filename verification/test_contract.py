"""The contract itself: one clear error for bad input, one signature, one table of names in the three places."""

import importlib
import inspect
import math
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from veloq import verification
from veloq.core.contract import parse
from veloq.core.errors import ContractError, DomainError, DTypeError, ShapeError
from veloq.core.rows import SPECS
from veloq.core.spec import Arg
from veloq.core.tolerances import TOLERANCES
from veloq.verification.backends import BACKENDS, Backend
from veloq.verification.calls import on_backend, runner, statics, with_numbers
from veloq.verification.check import checks_of, covers
from veloq.verification.strategies import LAYOUTS, Case, typical

ENGINE_NAMES = {"xp", "stop_gradient", "Engine", "loss_and_gradients", "policy"}
SHAPED = [(name, arg.name) for name, spec in SPECS.items() for arg in spec.args if arg.kind == "array"]
MIXABLE = [name for name, spec in SPECS.items() if sum(arg.kind == "array" for arg in spec.args) > 1]
CHECKED = [
    (name, arg.name)
    for name, spec in SPECS.items()
    for arg in spec.args
    if arg.domain.checked and arg.kind in ("integer", "scalar")
]
CALLABLES = ("field", "average_field", "critic", "aggregate")


def call(backend: Backend, case: Case, changed: dict[str, Any], under_jit: bool = False) -> Any:
    """Call the case's kernel with some arguments replaced; numbers are Python's."""
    integers = tuple((key, changed.get(key, value)) for key, value in statics(case))
    run = runner(backend, case.spec.name, integers)
    tree = with_numbers(case, on_backend(backend, case))
    tree |= {key: value for key, value in changed.items() if key in tree}
    if not under_jit:
        return run(tree)
    static = {key: tree.pop(key) for key, value in list(tree.items()) if isinstance(value, float) or callable(value)}
    return backend.compiled(lambda traced: run({**static, **traced}))(tree)


def explains(error: BaseException, kernel: str, argument: str = "") -> None:
    """One line that starts with the kernel, names the argument and says what was expected or found."""
    message = str(error)
    assert message.startswith(f"{kernel}: {argument}"), message
    assert "\n" not in message, message
    assert any(word in message for word in ("expected", "must", "convert")), message


def outside(arg: Arg) -> list[float]:
    """Numbers just outside the interval, and NaN."""
    domain = arg.domain
    bad: list[float] = []
    if domain.low > -math.inf:
        bad.append(domain.low if domain.open_low else domain.low - 1)
    if domain.high < math.inf:
        bad.append(domain.high if domain.open_high else domain.high + 1)
    return [int(value) for value in bad] if arg.kind == "integer" else [*bad, math.nan]


@pytest.mark.parametrize(("name", "argument"), SHAPED)
@covers("CONTRACT", "wrong shapes, dtypes and numbers raise one error that names the argument and what was expected")
def test_not_such_an_array(backend: Backend, name: str, argument: str) -> None:
    """A list where an array belongs, and an array of a rank that the row's shape cannot have."""
    spec = SPECS[name]
    case = typical(spec, LAYOUTS[5])
    with pytest.raises(DTypeError) as caught:
        call(backend, case, {argument: [0.5]})
    explains(caught.value, name, argument)
    any_rank = spec.arg(argument).shape == "..."
    # A lone argument of any rank has no wrong shape.
    if not any_rank or name in MIXABLE:
        with pytest.raises(ShapeError) as wrong:
            call(backend, case, {argument: backend.array(np.full((1, 1, 1, 1), 0.5) if any_rank else 0.5)})
        explains(wrong.value, name)


@pytest.mark.parametrize("name", MIXABLE)
@covers("CONTRACT", "a batch axis that differs from the other arguments' is an error, also while JAX traces")
def test_mismatched_batch(backend: Backend, name: str) -> None:
    """The last array gets twice the size along its first batch axis."""
    case = typical(SPECS[name], LAYOUTS[5])
    last = [arg for arg in SPECS[name].args if arg.kind == "array"][-1]
    value = on_backend(backend, case)[last.name]
    front, _ = parse(last.shape)
    doubled = backend.xp.concat([value, value], axis=len(front) if "..." in last.shape else 0)
    for under_jit in (False, True):
        with pytest.raises(ShapeError) as caught:
            call(backend, case, {last.name: doubled}, under_jit)
        explains(caught.value, name)
        assert str(tuple(doubled.shape)) in str(caught.value)


@pytest.mark.parametrize("name", MIXABLE)
@covers("CONTRACT", "arrays of two dtypes are an error that says so")
def test_mixed_dtypes(backend: Backend, name: str) -> None:
    """The last array in float32 among float64 ones."""
    case = typical(SPECS[name], LAYOUTS[5])
    last = [arg for arg in SPECS[name].args if arg.kind == "array"][-1]
    with pytest.raises(DTypeError, match="float32") as caught:
        call(backend, case, {last.name: on_backend(backend, case, "float32")[last.name]})
    explains(caught.value, name, last.name)


@pytest.mark.parametrize(("name", "argument"), SHAPED)
@covers("CONTRACT", "integer arrays are an error")
def test_integer_arrays(backend: Backend, name: str, argument: str) -> None:
    """Integer actions, rewards, times: silently rounding them is what this prevents."""
    case = typical(SPECS[name], LAYOUTS[5])
    with pytest.raises(DTypeError, match="floating-point") as caught:
        call(backend, case, {argument: backend.array(case.tree[argument], "int32")})
    explains(caught.value, name, argument)


@pytest.mark.parametrize(("name", "argument"), CHECKED)
@covers("CONTRACT", "numbers outside their interval are an error: steps < 1, temperature ≤ 0, kappa outside (0, 1)")
def test_domains(backend: Backend, name: str, argument: str) -> None:
    """Every checked number just outside both ends, NaN, and a wrong type."""
    case = typical(SPECS[name], LAYOUTS[5])
    arg = SPECS[name].arg(argument)
    for bad in outside(arg):
        with pytest.raises(DomainError) as caught:
            call(backend, case, {argument: bad})
        explains(caught.value, name, argument)
    wrong_type = 2.5 if arg.kind == "integer" else "half"
    with pytest.raises(ContractError) as refused:
        call(backend, case, {argument: wrong_type})
    explains(refused.value, name, argument)


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if any(a.kind in CALLABLES for a in s.args)])
@covers("CONTRACT", "a field or critic that returns a wrong shape is an error that names it, also while JAX traces")
def test_callables_returning_wrong_shapes(backend: Backend, name: str) -> None:
    """The result with one axis too many; and something that cannot be called."""
    case = typical(SPECS[name], LAYOUTS[5])
    assert call(backend, case, {})
    for arg in SPECS[name].args:
        if arg.kind not in CALLABLES:
            continue
        for under_jit in (False, True):
            with pytest.raises(ShapeError) as caught:
                call(backend, case, {arg.name: lambda *inputs: inputs[0][..., None, None]}, under_jit)
            explains(caught.value, name, arg.name)
        with pytest.raises(DTypeError) as uncallable:
            call(backend, case, {arg.name: 3.0})
        explains(uncallable.value, name, arg.name)


@covers("CONTRACT", "names, order, defaults and kinds of every kernel's parameters are the same in the three places")
def test_signatures() -> None:
    """Annotations are each framework's own; all else is one signature, in the order of the Spec row."""
    installed = [backend for backend in BACKENDS.values() if not backend.missing]
    for name, spec in SPECS.items():
        shapes = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(backend.K, name)).parameters.values()]
            for backend in installed
        ]
        assert all(shape == shapes[0] for shape in shapes), f"{name}: {shapes}"
        assert [parameter[0] for parameter in shapes[0]] == [arg.name for arg in spec.args], name


@covers("CONTRACT", "every row exists in the three places and nothing else is exported")
def test_names(backend: Backend) -> None:
    """`__all__` is the table plus the engine's names."""
    exported = set(backend.K.__all__)
    assert exported - set(SPECS) <= ENGINE_NAMES, sorted(exported - set(SPECS) - ENGINE_NAMES)
    assert set(SPECS) <= exported, sorted(set(SPECS) - exported)
    assert {"xp", "stop_gradient"} <= exported
    public = {
        name
        for name, value in vars(backend.K).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public <= exported | ENGINE_NAMES, sorted(public - exported)


@covers("CONTRACT", "every row has a strategy, a tolerance and identities that some check implements")
def test_rows_are_complete() -> None:
    """A row that nothing checks is a promise that nobody keeps."""
    implemented = {check_id for check_id, _ in all_checks()}
    for name, spec in SPECS.items():
        assert spec.tolerance in TOLERANCES, name
        assert typical(spec, LAYOUTS[5]).tree is not None
        missing = set(spec.identities) - implemented
        assert not missing, f"{name} names {sorted(missing)}, which no check implements"


def all_checks() -> Iterator[tuple[str, str]]:
    """The tags of every test of this package."""
    for module in pkgutil.iter_modules(verification.__path__):
        if module.name.startswith("test_"):
            for value in vars(importlib.import_module(f"veloq.verification.{module.name}")).values():
                yield from checks_of(value) if callable(value) else ()
