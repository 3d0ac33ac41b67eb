"""Tests of the testers: what must be rejected is rejected, and the strategies reach the edges they claim."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from veloq.core.rows import SPECS
from veloq.core.spec import Interval
from veloq.core.tolerances import TOLERANCES, tolerance
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.check import check, checks_of, counted, covers
from veloq.verification.plots import convergence
from veloq.verification.record import Record, current
from veloq.verification.report import Outcome, rows
from veloq.verification.strategies import LAYOUTS, Case, cases, drawn_range, edges

VALUES = np.array([[0.0, 1.0, -2.0], [0.5, 3.0, 1e-3]])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TOLERANCES)
def test_close_rejects_one_entry_off_by_twice_its_bound(name: str, dtype: str) -> None:
    """And accepts half of it, wherever the entry is."""
    bound = tolerance(name, dtype)
    expected = VALUES.astype(dtype).astype(np.float64)
    for index in np.ndindex(expected.shape):
        allowed = bound.absolute + bound.relative * abs(expected[index])
        for factor, accepted in ((0.5, True), (2.0, False)):
            actual = expected.copy()
            actual[index] += factor * allowed
            if accepted:
                assert_close(actual.astype(dtype), expected, name, dtype=dtype)
            else:
                with pytest.raises(AssertionError, match="tolerance"):
                    assert_close(actual.astype(dtype), expected, name, dtype=dtype)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_close_rejects_what_is_not_finite(bad: float) -> None:
    """In the result, in the expectation, and in both at the same place."""
    wrong = VALUES.copy()
    wrong[0, 1] = bad
    for actual, expected in ((wrong, VALUES), (VALUES, wrong), (wrong, wrong)):
        with pytest.raises(AssertionError, match="not finite"):
            assert_close(actual, expected)


def test_close_rejects_shapes_and_dtypes() -> None:
    """Broadcasting, a missing axis, float32 where float64 is due, complex and integer results."""
    for actual in (VALUES[:1], VALUES[0, 0], VALUES[None]):
        with pytest.raises(AssertionError, match="shape"):
            assert_close(actual, VALUES)
    for dtype in ("float32", "complex128", "int64"):
        with pytest.raises(AssertionError, match="dtype"):
            assert_close(np.zeros(2, dtype), np.zeros(2))
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(np.zeros(2), np.zeros(2), dtype="float32")
    with pytest.raises(KeyError):
        assert_close(VALUES, VALUES, "no such class")


def test_exact_rejects_the_last_bit() -> None:
    """One unit in the last place, NaN, a shape that broadcasts."""
    assert_exact(VALUES, VALUES.copy())
    for wrong in (np.nextafter(VALUES, 9.0), VALUES[:1], np.where(VALUES == 0.0, np.nan, VALUES)):
        with pytest.raises(AssertionError):
            assert_exact(wrong, VALUES)
    with pytest.raises(AssertionError):
        assert_exact(np.array([np.nan]), np.array([np.nan]))


def test_at_most_rejects_nan_and_excess() -> None:
    """Entrywise, against a number or an array."""
    assert_at_most([1.0, 2.0], [1.0, 2.0])
    for value, bound in ((1.0 + 1e-12, 1.0), (np.nan, 1.0), ([0.0, 3.0], [1.0, 2.0]), (0.1, 0.0)):
        with pytest.raises(AssertionError, match="exceeds"):
            assert_at_most(value, bound)


def test_order_tells_one_from_two() -> None:
    """Order 1 is not 2 nor the reverse; three step counts, positive finite errors."""
    steps = [10, 20, 40, 80]
    for true, claimed in ((1, 1), (2, 2), (1, 2), (2, 1), (1, 1.5)):
        errors = [3.0 / n**true for n in steps]
        if true == claimed:
            assert_order(steps, errors, claimed)
        else:
            with pytest.raises(AssertionError, match="fitted order"):
                assert_order(steps, errors, claimed)
    for errors in ([1.0, 0.5, 0.0, 0.1], [1.0, np.nan, 0.2, 0.1], [1.0, 0.5]):
        with pytest.raises(AssertionError):
            assert_order(steps, errors, 1)
    with pytest.raises(AssertionError, match="three"):
        assert_order([10, 20], [1.0, 0.5], 1)


def test_assertions_record_the_worst() -> None:
    """The report shows the comparison that came closest to failing."""
    assert_close(VALUES, VALUES, "elementwise", "equal")
    assert_close(VALUES + 4e-14, VALUES, "elementwise", "a little off")
    assert_close(VALUES, VALUES, "elementwise", "equal again")
    worst = current().worst
    assert worst.what == "a little off"
    assert worst.comparisons == 3
    assert 0.3 < worst.ratio < 0.5


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


def test_report_never_calls_missing_passed() -> None:
    """One backend missing makes a row incomplete, one failure makes it failed, whatever else passed."""

    def outcome(backend: str, state: str) -> Outcome:
        return Outcome([("X-1", "statement")], "test", backend, state, "", 0.0, Record().as_dict())

    verdicts = {
        ("passed", "passed"): "passed",
        ("passed", "missing"): "incomplete",
        ("missing", "failed"): "failed",
        ("skipped", "skipped"): "skipped",
    }
    for states, verdict in verdicts.items():
        (row,) = rows([outcome(name, state) for name, state in zip(("jax", "torch"), states, strict=True)])
        assert row.verdict == verdict
    (row,) = rows([outcome("jax", "failed"), outcome("jax", "passed")])
    assert row.verdict == "failed"


def test_plots_are_drawn() -> None:
    """A curve becomes one figure that names its fitted order."""
    curve = {"what": "a < b", "backend": "jax", "steps": [10, 20, 40], "errors": [0.1, 0.05, 0.024]}
    figure = convergence({**curve, "order": 1.0, "fitted": 1.03})
    assert figure.startswith("<svg")
    assert figure.count("<circle") == 3
    assert "fitted order 1.030" in figure
    assert "a &lt; b" in figure


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
