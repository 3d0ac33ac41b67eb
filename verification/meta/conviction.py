"""Which checks turn red on a planted fault."""

from ..backends import Backend
from ..trials import Trial, Verdict, concerning, judge
from .fault import Fault


def suspects(fault: Fault) -> list[Trial]:
    """The trials that may see the fault, first the ones under the id that the table names, about this kernel alone."""
    trials = concerning(fault.kernel, "trial")
    return sorted(trials, key=lambda trial: (fault.caught_by not in trial.ids, fault.kernel not in trial.subjects))


def convict(fault: Fault, backend: Backend) -> Verdict | None:
    """The first red verdict under the id that the table names; None if all trials under it stay green."""
    with fault.planted_in(backend) as faulty:
        for trial in suspects(fault):
            if fault.caught_by in trial.ids and trial.applies(faulty):
                verdict = judge(trial, faulty)
                if verdict is not None and verdict.red:
                    return verdict
    return None


def red_ids(fault: Fault, backend: Backend) -> dict[str, bool]:
    """Every check id that was tried on the fault, and whether one of its trials turned red."""
    seen: dict[str, bool] = {}
    with fault.planted_in(backend) as faulty:
        for trial in suspects(fault):
            if not trial.applies(faulty):
                continue
            verdict = judge(trial, faulty)
            if verdict is not None:
                for check_id in trial.ids:
                    seen[check_id] = seen.get(check_id, False) or verdict.red
    return seen
