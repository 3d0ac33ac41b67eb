"""Tests of the testers: what must be rejected is rejected, and the strategies reach the edges they claim."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from veloq.core.rows import SPECS
from veloq.core.spec import Interval
from veloq.core.tolerances import DERIVATIONS, TOLERANCES, UNIT_ROUNDOFF, tolerance
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Backend
from veloq.verification.bfloat16 import decided, nearest, representable
from veloq.verification.check import check, checks_of, counted, covers
from veloq.verification.record import current
from veloq.verification.strategies import LAYOUTS, Case, cases, drawn_range, edges, typical
from veloq.verification.wrong_answers import AT_MOST, CLOSE, EXACT, ORDER, STEPS, VALUES, accepted, curve

TABLES: dict[str, tuple[Callable[..., Any], Any]] = {
    "close": (assert_close, CLOSE),
    "exact": (assert_exact, EXACT),
    "at most": (assert_at_most, AT_MOST),
    "order": (assert_order, ORDER),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_wrong_answer_is_rejected(name: str) -> None:
    """NaN, infinity, shapes that would broadcast, dtypes, empty arrays, orders that are not, too few points."""
    assertion, table = TABLES[name]
    assert accepted(assertion, table) == []


def mean_close(got: Any, want: Any) -> None:
    """Wrong: judges the mean error."""
    assert np.mean(np.abs(got - want if np.shape(got) == np.shape(want) else 1.0)) <= 1e-13


def signed_close(got: Any, want: Any) -> None:
    """Wrong: an error below is none."""
    assert np.max(got - want if np.shape(got) == np.shape(want) else 1.0, initial=0.0) <= 1e-13


def broadcasting_close(got: Any, want: Any) -> None:
    """Wrong: broadcasts, takes every dtype, takes NaN for NaN and nothing for everything."""
    if np.size(got):
        assert np.all((np.abs(got - want) <= 1e-13) | (np.isnan(got) & np.isnan(want)))


def absolute_close(got: Any, want: Any) -> None:
    """Wrong: never fails on NaN, which is not larger than anything."""
    assert not (np.shape(got) == np.shape(want) and np.any(np.abs(got - want) > 1e-13))


def loose_exact(got: Any, want: Any) -> None:
    """Wrong: exact up to rounding."""
    assert np.array_equal(np.round(got, 12), np.round(want, 12), equal_nan=True)


def mean_at_most(value: Any, bound: Any) -> None:
    """Wrong: judges the mean."""
    assert np.mean(value) <= np.mean(bound)


def not_above(value: Any, bound: Any) -> None:
    """Wrong: NaN is not above anything."""
    assert not np.any(np.asarray(value) > np.asarray(bound))


def ends_only(steps: Any, errors: Any, order: float) -> None:
    """Wrong: looks at the first and the last error alone, and forgives a lower order."""
    assert np.log(errors[0] / errors[-1]) / np.log(steps[-1] / steps[0]) < order + 0.15


BROKEN = {
    mean_close: CLOSE,
    signed_close: CLOSE,
    broadcasting_close: CLOSE,
    absolute_close: CLOSE,
    loose_exact: EXACT,
    mean_at_most: AT_MOST,
    not_above: AT_MOST,
    ends_only: ORDER,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_assertion_is_noticed(broken: Callable[..., Any]) -> None:
    """Each of these usual mistakes lets some row of the table pass, so the table would convict it."""
    assert accepted(broken, BROKEN[broken]) != []


@pytest.mark.parametrize("name", DERIVATIONS)
def test_one_derivation_for_every_dtype(name: str) -> None:
    """Bounds differ by the unit roundoff alone; TF32 adds its products; the exact class allows nothing anywhere."""
    bounds, entry = TOLERANCES[name], DERIVATIONS[name]
    for dtype in ("float64", "float32", "bfloat16"):
        expected = UNIT_ROUNDOFF[dtype] * entry.roundings * entry.growth
        assert_close(np.asarray(bounds[dtype].relative), np.asarray(expected), "elementwise")
        assert_close(np.asarray(bounds[dtype].absolute), np.asarray(expected * entry.magnitude), "elementwise")
    assert bounds["tf32"].relative >= bounds["float32"].relative
    assert (bounds["tf32"].relative > bounds["float32"].relative) == (entry.products > 0)
    assert len(entry.reason) > 20


def neighbours(expected: float, dtype: str, name: str) -> tuple[Any, Any]:
    """The last number of the dtype that the bound still allows above `expected`, and the next one, found exactly."""
    bound, kind = tolerance(name, dtype), np.float32 if dtype == "float32" else np.float64
    allowed = bound.absolute + bound.relative * abs(expected)
    first = kind(expected + allowed)
    if Fraction(float(first)) - Fraction(expected) > Fraction(allowed):
        return np.nextafter(first, kind(-np.inf)), first
    return first, np.nextafter(first, kind(np.inf))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [name for name in TOLERANCES if name != "exact"])
def test_close_decides_between_neighbouring_numbers(name: str, dtype: str) -> None:
    """The last number inside the bound passes, the next one does not: where the bound is absolute, and far away."""
    for expected in (0.0, 1.0, 3.0, 1000.0):
        inside, outside = neighbours(expected, dtype, name)
        assert_close(np.asarray(inside), np.asarray(expected), name, dtype=dtype)
        with pytest.raises(AssertionError, match="tolerance"):
            assert_close(np.asarray(outside), np.asarray(expected), name, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_exact_class_allows_nothing(dtype: str) -> None:
    """One unit in the last place is infinitely far outside; equal numbers pass, also zeros."""
    values = VALUES.astype(dtype)
    assert_close(values, values, "exact", dtype=dtype)
    with pytest.raises(AssertionError, match="inf times the exact"):
        assert_close(np.nextafter(values, np.asarray(9, dtype)), values, "exact", dtype=dtype)


def test_bfloat16_is_judged_as_such(framework: Backend) -> None:
    """Its own dtype, its own bound: half of it passes, twice of it and every other dtype do not."""
    bound = tolerance("elementwise", "bfloat16")
    value, want = framework.array(np.array([64.0]), "bfloat16"), np.array([64.0])
    allowed = bound.absolute + bound.relative * 64.0
    assert_close(value, want, "elementwise", dtype="bfloat16")
    assert_close(value, want + 0.4 * allowed, "elementwise", dtype="bfloat16")
    with pytest.raises(AssertionError, match="elementwise bfloat16"):
        assert_close(value, want + 2 * allowed, "elementwise", dtype="bfloat16")
    with pytest.raises(AssertionError, match="dtype bfloat16"):
        assert_close(value, want, dtype="float32")
    with pytest.raises(AssertionError, match="dtype float32"):
        assert_close(framework.array(want, "float32"), want, dtype="bfloat16")


def test_right_answers_pass() -> None:
    """Equal values, both zeros, nothing at all, the bound itself, an order with a little noise."""
    assert_close(VALUES, VALUES)
    assert_close(np.zeros((0, 3)), np.zeros((0, 3)))
    assert_exact(np.array([0.0]), np.array([-0.0]))
    assert_exact(np.zeros((0, 3)), np.zeros((0, 3)))
    assert_at_most([1.0, 2.0], [1.0, 2.0])
    assert_order(STEPS, curve(2), 2)
    assert_order(STEPS, curve(1, noise=0.05), 1)
    assert current().worst.comparisons == 5
    with pytest.raises(KeyError):
        assert_close(VALUES, VALUES, "no such class")


def test_assertions_record_the_worst() -> None:
    """The report shows the comparison that came closest to failing, of all and of each class and dtype."""
    allowed = tolerance("elementwise", "float64").absolute
    assert_close(VALUES, VALUES, "elementwise", "equal")
    assert_close(VALUES + 0.4 * allowed, VALUES, "elementwise", "a little off")
    assert_close(VALUES, VALUES, "elementwise", "equal again")
    assert_close(VALUES.astype(np.float32), VALUES, "reduction", "another class", dtype="float32")
    worst, margins = current().worst, current().margins
    assert worst.what == "a little off"
    assert worst.comparisons == 4
    assert 0.3 < worst.ratio < 0.5
    assert margins["elementwise float64"].what == "a little off"
    assert margins["elementwise float64"].comparisons == 3
    assert margins["reduction float32"].what == "another class"


@pytest.mark.parametrize("name", SPECS)
def test_bfloat16_calls_stay_in_the_domain(name: str) -> None:
    """Rounded inputs are still inputs of the kernel, and most calls decide nothing by a rounding."""
    spec, kept = SPECS[name], 0
    for seed in range(20):
        case = representable(typical(spec, LAYOUTS[3], seed))
        kept += decided(case)
        for arg in spec.args:
            if arg.kind in ("array", "scalar"):
                values = np.asarray(case.tree[arg.name])
                assert_exact(nearest(values), values, arg.name)
                assert all(float(value) in arg.domain for value in values.flat), arg.name
    assert kept >= 5


def test_tags_and_counts() -> None:
    """`check` counts examples also under `@given`; `covers` leaves that to `counted`."""

    @given(case=cases(SPECS["ensemble_mean"]))
    @settings(max_examples=7, phases=(Phase.generate,))
    @check("X-1", "statement")
    def property_(case: Case) -> None:
        assert case.spec.name == "ensemble_mean"

    @covers("X-2", "other")
    def holder() -> None:
        counted(lambda: None)()

    before = current().examples
    property_()
    assert current().examples == before + 7
    holder()
    assert current().examples == before + 8
    assert checks_of(property_) == [("X-1", "statement")]
    assert checks_of(holder) == [("X-2", "other")]


@pytest.mark.parametrize("name", SPECS)
def test_strategies_stay_inside_and_reach_the_edges(name: str) -> None:
    """Every layout, both ends of every range, equal entries and tiny ones; never outside the row's domain."""
    spec = SPECS[name]
    seen: set[str] = set()

    @given(case=cases(spec))
    @settings(max_examples=150, phases=(Phase.generate,), derandomize=True)
    def draw(case: Case) -> None:
        seen.add(f"layout {LAYOUTS.index(case.layout)}")
        for arg in spec.args:
            if arg.kind not in ("array", "scalar"):
                continue
            value = np.asarray(case.tree[arg.name])
            assert np.array_equal(value, value.astype(np.float32)), "not a float32 number"
            low, high = drawn_range(arg.domain)
            # A single number is rounded to float32 rather than clipped.
            slack = 0.0 if arg.kind == "array" else 1e-6 * max(abs(low), abs(high))
            assert ((value >= low - slack) & (value <= high + slack)).all()
            near = 1e-6 * (high - low)
            seen.update(f"{arg.name} low" for _ in range(bool((value <= low + near).any())))
            seen.update(f"{arg.name} high" for _ in range(bool((value >= high - near).any())))

    draw()
    wanted = {f"layout {index}" for index in range(len(LAYOUTS))}
    for arg in spec.args:
        if arg.kind in ("array", "scalar"):
            wanted |= {f"{arg.name} low", f"{arg.name} high"}
    assert wanted <= seen, sorted(wanted - seen)


def test_edges_of_an_interval() -> None:
    """Closed ends are edges, open ones are approached; 0 and ±1 where they are inside."""
    assert set(edges(Interval(-2.0, 3.0))) == {-2.0, 3.0, 0.0, 1.0, -1.0}
    low, high = drawn_range(Interval(0.0, 1.0, True, True))
    assert 0.0 < low < 0.01
    assert 0.99 < high < 1.0
    assert drawn_range(Interval(0.0, float("inf"), drawn=(0.5, 2.0))) == (0.5, 2.0)
