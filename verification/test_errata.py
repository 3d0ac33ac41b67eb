"""The papers' errata: each faulty formula fails by what its row states, and the right one holds: ERRATA."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.algorithms import ALGORITHMS
from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_at_most
from veloq.verification.check import check, counted, covers
from veloq.verification.errata import KINDS, PAPERS, ROWS, Erratum
from veloq.verification.profiles import examples
from veloq.verification.test_contract import all_checks

ROOT = Path(__file__).resolve().parent.parent
MEASURED = [pytest.param(row, id=row.name) for row in ROWS if row.evidence]
TEXTS = ("paper", "equation", "kind", "says", "released", "right", "here", "check", "shows")


def assert_row(row: Erratum, **parameters: float) -> None:
    """The faulty formula misses the truth by at least `fails_by`, the right one by at most `holds_to`."""
    assert row.evidence is not None
    found = row.evidence(**parameters)
    # A formula that is not even finite misses by any amount.
    missed = abs(found.faulty - found.truth)
    assert_at_most(row.fails_by, missed, f"{row.name}: how far the faulty formula has to miss, against how far it does")
    assert_at_most(abs(found.right - found.truth), row.holds_to, f"{row.name}: error of the right formula")


@pytest.mark.parametrize("row", MEASURED)
@covers(
    "ERRATA", "each formula said to be wrong misses the truth by its row's amount, the right one is within its bound"
)
def test_rows(row: Erratum) -> None:
    @given(parameters=st.fixed_dictionaries({name: st.floats(*ends) for name, ends in row.ranges.items()}))
    @settings(max_examples=examples(8) if row.ranges else 1)
    @counted
    def holds(parameters: dict[str, Any]) -> None:
        assert_row(row, **parameters)

    assert_row(row)
    holds()


@check("ERRATA", "an allowance cannot hide a fault: what a wrong formula misses is ten times what a right one may")
def test_allowances() -> None:
    for row in ROWS:
        if row.evidence:
            assert_at_most(10 * row.holds_to, row.fails_by, row.name)


@pytest.mark.parametrize("row", MEASURED)
@covers("ERRATA", "the numbers of a row are the same when computed again, and its sentence shows some")
def test_sentences(row: Erratum) -> None:
    assert row.evidence is not None
    first, second = row.evidence(), row.evidence()
    assert first == second, row.name
    assert re.search(r"\d|inf", row.numbers()), row.numbers()
    assert set(re.findall(r"{(\w+)", row.shows)) <= {"truth", "faulty", "right", *first.extra}
    assert set(first.extra) <= set(re.findall(r"{(\w+)", row.shows)), "a number that nobody sees"


@check(
    "ERRATA", "every row names checks that exist, or says why none can; kernels, methods and files that it names exist"
)
def test_rows_point_at_something() -> None:
    implemented = {check_id for check_id, _ in all_checks()}
    every_setting = {field.name for method in ALGORITHMS.values() for field in dataclasses.fields(method.config)}
    for row in ROWS:
        assert row.kind in KINDS, row.name
        assert set(row.checks) <= implemented, f"{row.name}: {set(row.checks) - implemented}"
        assert row.checks or row.check.startswith("– "), f"{row.name}: a dash needs a reason"
        assert bool(row.evidence) == ("ERRATA" in row.checks) == bool(row.shows), row.name
        for name in re.findall(r"`([^`]+)`", row.here):
            known = name in SPECS or name in ALGORITHMS or name in every_setting or (ROOT / name).exists()
            assert known, f"{row.name}: {name} is no kernel, method, setting or file"


@check("ERRATA", "rows are told apart by paper and equation, grouped by paper, and can stand in a table")
def test_rows_can_be_printed() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    for paper, rows in PAPERS.items():
        assert {row.paper for row in rows} == {paper}
    for row in ROWS:
        for text in TEXTS:
            value = getattr(row, text)
            assert "|" not in value, f"{row.name}: {value}"
            assert "\n" not in value, f"{row.name}: {value}"
        assert row.says, row.name
        assert row.right, row.name
