"""Every planted fault, in every implementation, turns the check red that the table names."""

import pytest

from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.meta.conviction import convict
from veloq.verification.meta.fault import IMPLEMENTATIONS, Fault
from veloq.verification.meta.faults import FAULTS


@pytest.mark.turns(10)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
@check("META", "every planted fault turns the check red that the table of faults names, in each implementation")
def test_fault_is_convicted(backend: Backend, fault: Fault) -> None:
    if fault.edit(backend.name) is None:
        pytest.skip(f"not in {backend.name}: {fault.absent[backend.name]}")
    assert convict(fault, backend) is not None, f"{fault.what}: {fault.caught_by} stays green on {backend.name}"


@check("META", "every planted fault still has its place in each implementation, also where another day tries it")
def test_faults_have_their_places(backend: Backend) -> None:
    for fault in FAULTS:
        if fault.edit(backend.name) is not None:
            with fault.planted_in(backend) as faulty:
                assert faulty.module != backend.module


@check("META", "an edit is missing from an implementation only with a reason")
def test_faults_are_complete() -> None:
    for fault in FAULTS:
        lacking = {name for name in IMPLEMENTATIONS if fault.edit(name) is None}
        assert lacking == set(fault.absent), fault.what
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
