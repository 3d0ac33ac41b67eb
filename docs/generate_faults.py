"""Write docs/faults.md from the tables of planted faults: `python docs/generate_faults.py [--check]`."""

import sys
from collections import Counter
from pathlib import Path

from written import written

from veloq.core.rows import SPECS
from veloq.verification.meta.fault import IMPLEMENTATIONS, Fault
from veloq.verification.meta.faults import FAULTS
from veloq.verification.meta.faults.engines import ENGINE_FAULTS
from veloq.verification.meta.faults.methods import METHOD_FAULTS
from veloq.verification.meta.method_fault import EngineFault, MethodFault

PAGE = Path(__file__).resolve().parent / "faults.md"
PREFACE = """# Planted faults

A check that cannot fail proves nothing. Each mistake below is written into a copy of each implementation, and the check
named beside it must turn red on that copy alone, without comparing it with the others: a mistake made in all three
places would leave agreement green. `nox -s verify` plants all of them again at every run (META; in CI a tenth, every
day another); a fault whose place in the code has gone is an error there, not a success.

Where only routing is wrong (a missing stop-gradient), the check is GRAD, which compares with zero. Faults in methods
are planted in one copy of algorithms/, which all backends share; METHOD compares it with a restatement by hand.
"""


def planted_in(fault: Fault | EngineFault) -> list[str]:
    """The implementations that a fault is planted in."""
    if isinstance(fault, EngineFault):
        return [name for name in IMPLEMENTATIONS if name in fault.edits]
    return [name for name in IMPLEMENTATIONS if fault.edit(name) is not None]


def summary() -> str:
    """How many faults, of which kinds, in how many copies."""
    everything = (*FAULTS, *METHOD_FAULTS, *ENGINE_FAULTS)
    kinds = Counter(fault.kind for fault in everything)
    copies = sum(len(planted_in(fault)) for fault in (*FAULTS, *ENGINE_FAULTS)) + len(METHOD_FAULTS)
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
    return (
        f"{len(everything)} faults, planted in {copies} copies: {len(FAULTS)} in kernels, {len(METHOD_FAULTS)} in "
        f"methods, {len(ENGINE_FAULTS)} in engines and networks.\n\nBy kind: {listed}.\n"
    )


def where(fault: Fault | EngineFault) -> str:
    """The implementations, and why not the others."""
    places = planted_in(fault)
    named = "all three" if len(places) == len(IMPLEMENTATIONS) else ", ".join(places)
    return named + "".join(f"; not in {name}: {why}" for name, why in fault.absent.items())


def table(heading: str, subject: str, rows: list[tuple[str, ...]]) -> list[str]:
    """One section; `subject` heads the column of what is broken."""
    head = [f"## {heading}", "", f"| fault | kind | {subject} | convicted by | planted in |", "|---|---|---|---|---|"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows), ""]


def page() -> str:
    """docs/faults.md."""
    parts = [PREFACE, summary()]
    for family in dict.fromkeys(spec.family for spec in SPECS.values()):
        rows = [(f.what, f.kind, f"`{f.kernel}`", f.caught_by, where(f)) for f in FAULTS if f.family == family]
        parts += table(family, "kernel", rows)
    methods = [(f.what, f.kind, f"`{f.method}`", f"{f.caught_by}, `{test(f)}`", "algorithms") for f in METHOD_FAULTS]
    engines = [(f.what, f.kind, f"`{modules(f)}`", f"{f.caught_by}, `{test(f)}`", where(f)) for f in ENGINE_FAULTS]
    parts += table("methods", "method", methods) + table("engines and networks", "module", engines)
    return "\n".join(parts)


def test(fault: MethodFault | EngineFault) -> str:
    """The test that must turn red."""
    return fault.test.rpartition(".")[2]


def modules(fault: EngineFault) -> str:
    """The files that are edited."""
    return ", ".join(sorted({edit.module for edit in fault.edits.values()}))


if __name__ == "__main__":
    sys.exit(written({PAGE: page()}, "--check" in sys.argv[1:], __file__))
