"""Results gathered by check id: the rows of the table, the JSON file and the HTML page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.tolerances import LOOK_ABOVE, LOOK_BELOW, TOLERANCES, explanation


@dataclass
class Outcome:
    """One test item: what it tags, where it ran, how it ended, what it measured."""

    checks: list[tuple[str, str]]
    test: str
    backend: str
    outcome: str  # passed, failed, skipped or missing
    reason: str
    seconds: float
    record: Mapping[str, Any]


@dataclass
class Row:
    """One statement of one check id over all its tests and backends."""

    check: str
    statement: str
    backends: dict[str, str] = field(default_factory=dict)
    examples: int = 0
    tests: int = 0
    error: float | None = None
    bound: float | None = None
    ratio: float | None = None
    tolerance: str = ""
    what: str = ""
    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`failed` if anything failed; `passed` only if something ran everywhere it should; else what is lacking."""
        states = set(self.backends.values())
        for state in ("failed", "missing", "passed"):
            if state in states:
                return {"missing": "incomplete"}.get(state, state)
        return "skipped"


# A backend that fails one test of a statement fails it, whatever its other tests say.
_RANK = {"failed": 3, "missing": 2, "passed": 1, "skipped": 0}


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """One row per (check id, statement), ordered by id."""
    table: dict[tuple[str, str], Row] = {}
    for outcome in outcomes:
        for check_id, statement in outcome.checks:
            row = table.setdefault((check_id, statement), Row(check_id, statement))
            _add(row, outcome)
    return [table[key] for key in sorted(table, key=lambda key: (_natural(key[0]), key[1]))]


def _add(row: Row, outcome: Outcome) -> None:
    before = row.backends.get(outcome.backend, "skipped")
    row.backends[outcome.backend] = max(before, outcome.outcome, key=_RANK.__getitem__)
    row.seconds += outcome.seconds
    row.tests += 1
    if outcome.reason and outcome.reason not in row.reasons:
        row.reasons.append(outcome.reason)
    record = outcome.record
    if not record:
        return
    # A test without a property of its own is one example.
    row.examples += record["examples"] or (outcome.outcome in ("passed", "failed"))
    worst = record["worst"]
    if worst["comparisons"] and (row.ratio is None or worst["ratio"] > row.ratio):
        row.ratio, row.error, row.bound = worst["ratio"], worst["error"], worst["bound"]
        row.tolerance, row.what = worst["tolerance"], worst["what"]
    row.curves += [{**curve, "backend": outcome.backend} for curve in record["curves"]]


def _natural(check_id: str) -> tuple[str, int]:
    family, _, number = check_id.partition("-")
    return family, int(number) if number.isdigit() else 0


def margins(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The comparison that came closest to each bound, by tolerance class and dtype, with the test that made it.

    Tests without a check id test the comparisons themselves, with numbers made to fail.
    """
    worst: dict[tuple[str, str], dict[str, Any]] = {}
    for outcome in (outcome for outcome in outcomes if outcome.checks):
        for label, found in outcome.record.get("margins", {}).items():
            name, _, dtype = label.partition(" ")
            if dtype not in TOLERANCES.get(name, {}):
                continue
            seen = worst.get((name, dtype))
            count = found["comparisons"] + (seen["comparisons"] if seen else 0)
            if seen is None or found["ratio"] > seen["ratio"]:
                test = outcome.test.rpartition("::")[2]
                seen = worst[name, dtype] = {**found, "class": name, "dtype": dtype, "test": test}
            seen["comparisons"] = count
    places = list(TOLERANCES)
    found = sorted(worst.items(), key=lambda item: (places.index(item[0][0]), item[0][1]))
    return [{**row, "remark": remark(name, dtype, row["ratio"])} for (name, dtype), row in found]


def remark(name: str, dtype: str, margin: float) -> str:
    """What the table of tolerances says about a margin that deserves a look; empty for an ordinary one."""
    if LOOK_BELOW <= margin <= LOOK_ABOVE:
        return ""
    said = "above 0.5" if margin > LOOK_ABOVE else "below 0.001"
    return f"{said}: {explanation(name, dtype) or 'not explained'}"


def as_json(
    table: list[Row], closest: list[dict[str, Any]], circumstances: Mapping[str, Any], totals: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole report as plain data; infinite errors become strings, which JSON has no number for.

    Args:
        table: of `rows`.
        closest: of `margins`.
        circumstances: settings, and what `environment.environment` found.
        totals: of the run.
    """
    return {
        **circumstances,
        "totals": dict(totals),
        "margins": _plain(closest),
        "checks": [{**_plain(vars(row)), "verdict": row.verdict} for row in table],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


def number(value: float | None) -> str:
    """A figure for the table; a dash where nothing was compared."""
    return "–" if value is None else f"{value:.1e}" if value else "0"
