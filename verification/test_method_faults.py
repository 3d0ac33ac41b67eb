"""Every fault planted in a method or an engine turns the check red that its table names."""

import importlib
from pathlib import Path

import pytest

from veloq import algorithms
from veloq.verification.backends import BACKENDS, Backend
from veloq.verification.check import check
from veloq.verification.meta.faults.engines import ENGINE_FAULTS
from veloq.verification.meta.faults.methods import METHOD_FAULTS
from veloq.verification.meta.method_fault import EngineFault, MethodFault, change, convicted
from veloq.verification.meta.planting import copied, planted
from veloq.verification.method_cases import carrying
from veloq.verification.trials import first_red

FAULTS: tuple[MethodFault | EngineFault, ...] = (*METHOD_FAULTS, *ENGINE_FAULTS)


@pytest.mark.turns(10)
@pytest.mark.parametrize("fault", METHOD_FAULTS, ids=lambda fault: fault.what)
@check("META", "every fault planted in a method turns its by-hand check red; agreement could not see it")
def test_method_fault_is_convicted(fault: MethodFault) -> None:
    """On the reference: the file that carries the fault is the same on all backends."""
    assert convicted(fault, BACKENDS["reference"]) is not None, f"{fault.what}: {fault.test} stays green"


@pytest.mark.turns(10)
@pytest.mark.parametrize("fault", ENGINE_FAULTS, ids=lambda fault: fault.what)
@check("META", "every fault planted in an engine turns the check red that the table names")
def test_engine_fault_is_convicted(backend: Backend, fault: EngineFault) -> None:
    if backend.name not in fault.edits:
        pytest.skip(f"not in {backend.name}: {fault.absent[backend.name]}")
    assert convicted(fault, backend) is not None, f"{fault.what}: {fault.test} stays green on {backend.name}"


@pytest.mark.parametrize("name", ["reference", "torch"])
@check("META", "the checks that convict these faults stay green on copies into which nothing was planted")
def test_copies_without_a_fault_are_acquitted(name: str) -> None:
    """Not JAX, whose copies take long to compile."""
    backend = BACKENDS[name]
    if backend.missing:
        pytest.skip(backend.missing)
    suspects = {trial.test: trial for fault in FAULTS for trial in fault.suspects()}
    with copied("veloq.algorithms", "qam", str) as package, planted(backend, "networks", str) as copy:
        verdict = first_red(suspects.values(), carrying(copy, importlib.import_module(package).ALGORITHMS))
    assert verdict is None, verdict


@check("META", "every fault of a method still has its place, also where another day tries it")
def test_methods_have_the_places() -> None:
    folder = Path(str(algorithms.__file__)).parent
    for fault in METHOD_FAULTS:
        source = (folder / f"{fault.edit.module}.py").read_text(encoding="utf-8")
        assert change(fault.edit)(source) != source


@check("META", "every fault of an engine still has its place, also where another day tries it")
def test_engines_have_the_places(backend: Backend) -> None:
    for fault in ENGINE_FAULTS:
        if backend.name in fault.edits:
            with fault.planted_in(backend) as faulty:
                assert faulty.module != backend.module


@check("META", "every row of the tables of method and engine faults is unique, has suspects, and says what it lacks")
def test_tables_are_complete() -> None:
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
    assert all(fault.suspects() for fault in FAULTS)
    for fault in ENGINE_FAULTS:
        assert set(fault.edits) ^ set(fault.absent) == set(BACKENDS), fault.what
