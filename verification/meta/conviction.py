"""Which checks turn red on a planted fault."""

from ..backends import Backend
from ..trials import Trial, Verdict, concerning, first_red
from .fault import Fault


def suspects(fault: Fault) -> list[Trial]:
    """The trials under the id that the table names; those about this kernel alone come first."""
    named = [trial for trial in concerning(fault.kernel, "trial") if fault.caught_by in trial.ids]
    return sorted(named, key=lambda trial: fault.kernel not in trial.subjects)


def convict(fault: Fault, backend: Backend) -> Verdict | None:
    """The first red verdict under the id that the table names; None if all trials under it stay green."""
    with fault.planted_in(backend) as faulty:
        return first_red(suspects(fault), faulty)
