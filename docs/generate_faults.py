"""Write docs/faults.md from the tables of planted faults: `python docs/generate_faults.py [--check]`."""

import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

from veloq.verification.meta.fault import IMPLEMENTATIONS, Fault
from veloq.verification.meta.faults import FAULTS

PAGE = Path(__file__).resolve().parent / "faults.md"
PREFACE = """# Planted faults

A check that cannot fail proves nothing. Each mistake below is written into a copy of each implementation, and the check
named beside it must turn red on that copy alone, without comparing it with the others: a mistake made in all three
places would leave agreement green. `nox -s verify` plants all of them again at every run (META); a fault whose place in
the code has gone is an error there, not a success.

Where only routing is wrong (a missing stop-gradient), the check is GRAD, which compares with zero.
"""


def summary(faults: tuple[Fault, ...]) -> str:
    """How many faults, of which kinds, in how many copies."""
    kinds = Counter(fault.kind for fault in faults)
    copies = sum(fault.edit(name) is not None for fault in faults for name in IMPLEMENTATIONS)
    families = len({fault.family for fault in faults})
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
    return f"{len(faults)} faults of kernels in {families} families, planted in {copies} copies. By kind: {listed}."


def row(fault: Fault) -> str:
    """One line of a family's table."""
    places = [name for name in IMPLEMENTATIONS if fault.edit(name) is not None]
    where = "all three" if len(places) == len(IMPLEMENTATIONS) else ", ".join(places)
    reasons = "".join(f"; not in {name}: {why}" for name, why in fault.absent.items())
    return f"| {fault.what} | {fault.kind} | `{fault.kernel}` | {fault.caught_by} | {where}{reasons} |"


def page() -> str:
    """docs/faults.md."""
    parts = [PREFACE, summary(FAULTS), ""]
    for family, faults in groupby(FAULTS, key=lambda fault: fault.family):
        table = [row(fault) for fault in faults]
        parts += [f"## {family}", "", "| fault | kind | kernel | convicted by | planted in |", "|---|---|---|---|---|"]
        parts += [*table, ""]
    return "\n".join(parts)


def main(check: bool) -> int:
    """Write the page, or only say whether it is up to date."""
    text = page()
    if not check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print("out of date: faults.md; run python docs/generate_faults.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
