"""Write docs/evaluations.md by running every method's losses on torch: `generate_evaluations.py [--check]`."""

import sys
from pathlib import Path

from written import written

from veloq.algorithms import ALGORITHMS
from veloq.verification.backends import BACKENDS
from veloq.verification.evaluations import Evaluations, evaluations

PAGE = Path(__file__).resolve().parent / "evaluations.md"
PREFACE = """# Evaluations of networks

How many rows each network of a method is evaluated at in one update, for every row of the batch: a flow of ten steps
counts 10, an ensemble of any size and a network with several heads count once. Counted while every loss runs once with
the defaults of the method's `Config`; a loss that trains every few updates counts in full. A pass backwards and a
tangent belong to the evaluation that they differentiate and are not counted again. "Online" carries a gradient to the
parameters, "frozen" holds the same values without one, "target" their average.
"""
REPEATED = """## Repeated

Parameters evaluated a second time at the same row in one update (frozen and online are the same parameters), found by
comparing the inputs of all calls, per row of the batch. A repeat without a reason fails tests/test_docs.py.
"""


def page() -> str:
    """docs/evaluations.md."""
    counted = {name: evaluations(BACKENDS["torch"], ALGORITHMS[name]) for name in sorted(ALGORITHMS)}
    lines = [PREFACE, "| method | evaluations per row of the batch | total |", "|---|---|---|"]
    lines += [row(name, found) for name, found in counted.items()]
    lines += ["", REPEATED, "| method | network | first | again | rows | reason |", "|---|---|---|---|---|---|"]
    lines += [line for name, found in counted.items() for line in repeated(name, found)]
    return "\n".join(lines) + "\n"


def row(name: str, found: Evaluations) -> str:
    """A method's line of the first table."""
    counts = found.counts()
    cells = [
        f"`{network}` " + ", ".join(f"{shown(count)} {bound}" for bound, count in sorted(of_network.items()))
        for network, of_network in sorted(counts.items())
    ]
    total = sum(count for of_network in counts.values() for count in of_network.values())
    return f"| {name} | {'; '.join(cells)} | {shown(total)} |"


def repeated(name: str, found: Evaluations) -> list[str]:
    """A method's lines of the second table."""
    return [
        f"| {name} | `{each.network}` | {each.earlier} | {each.later} | {shown(each.rows)} "
        f"| {each.reason() or 'Not explained.'} |"
        for each in found.repeats()
    ]


def shown(count: float) -> str:
    """Without the zeros of whole numbers."""
    return f"{count:.2f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    sys.exit(written({PAGE: page()}, "--check" in sys.argv[1:], __file__))
