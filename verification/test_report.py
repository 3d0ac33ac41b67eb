"""The report: what it counts, says about itself, and notices when it is changed."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from veloq.core.errors import UsageError
from veloq.core.tolerances import VACUOUS
from veloq.verification import backends
from veloq.verification.backends import BACKENDS, configure
from veloq.verification.environment import PACKAGES, environment
from veloq.verification.plots import convergence
from veloq.verification.record import Record
from veloq.verification.report import Outcome, as_json, margins, remark, rows
from veloq.verification.seal import check_report, digest, sealed


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


def outcome_with(label: str, ratio: float, what: str) -> Outcome:
    """A passed test that compared once."""
    record = Record()
    record.measure(ratio, ratio * 1e-12, 1e-12, label, what)
    return Outcome([("X-1", "statement")], f"file.py::{what}", "jax", "passed", "", 0.0, record.as_dict())


def test_margins_are_the_worst_by_class_and_dtype() -> None:
    """Comparisons without a class, such as orders, have no margin; the counts of all tests add up."""
    found = margins(
        [
            outcome_with("network float64", 0.1, "first"),
            outcome_with("network float64", 0.2, "second"),
            outcome_with("network float32", 0.9, "third"),
            outcome_with("order 1", 0.95, "fourth"),
        ]
    )
    shown = {(row["class"], row["dtype"]): (row["what"], row["comparisons"], bool(row["remark"])) for row in found}
    assert shown == {("network", "float64"): ("second", 2, False), ("network", "float32"): ("third", 1, True)}


def test_remarks() -> None:
    """Ordinary margins have none; the others have the table's explanation or say that there is none."""
    assert remark("network", "float64", 0.1) == ""
    assert remark("network", "float64", 0.6) == "above 0.5: not explained"
    assert remark("exact", "float32", 0.0).startswith("below 0.001: the bound is zero")
    assert remark("sampler", "bfloat16", 1e-4) == f"below 0.001: {VACUOUS}"


def test_the_environment_is_complete() -> None:
    """Device, driver or processor, versions of everything used, and the flags that are set."""
    found = environment("cpu")
    assert set(found["versions"]) == set(PACKAGES)
    assert found["versions"]["numpy"][0].isdigit()
    assert found["device"]["processor"]
    assert len(found["sources_sha256"]) == 64
    for backend, flag in (("jax", "jax_enable_x64"), ("torch", "torch float32 matmul precision")):
        assert (flag in found["flags"]) == (not BACKENDS[backend].missing)
    assert found["flags"].get("jax_enable_x64", "True") == "True"


def report() -> dict[str, Any]:
    """A small sealed report."""
    outcomes = [outcome_with("network float64", 0.1, "first"), outcome_with("network float32", float("inf"), "second")]
    return sealed(as_json(rows(outcomes), margins(outcomes), {"settings": {"seed": "7"}}, {"passed": 2}))


def test_a_stored_report_is_recognised(tmp_path: Path) -> None:
    """Whatever its layout on disk, the contents are what is hashed."""
    path = tmp_path / "report.json"
    for indent in (None, 1, 4):
        path.write_text(json.dumps(report(), indent=indent), encoding="utf-8")
        assert check_report(path) == report()["sha256"] == digest(report())


def test_a_changed_report_is_noticed(tmp_path: Path) -> None:
    """A figure, a verdict, a setting, a line taken out; and what is no report at all."""
    path = tmp_path / "report.json"
    changes = []
    for place, key in (("settings", "seed"), ("totals", "passed")):
        changed = copy.deepcopy(report())
        changed[place][key] = 8
        changes.append(changed)
    changed = copy.deepcopy(report())
    changed["margins"][0]["ratio"] = 0.05
    changes += [changed, {name: value for name, value in report().items() if name != "checks"}]
    for each in changes:
        path.write_text(json.dumps(each), encoding="utf-8")
        with pytest.raises(UsageError, match="changed since it was written"):
            check_report(path)
    for text in ("{}", "[]", "no JSON"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match="not a verification report"):
            check_report(path)
    with pytest.raises(UsageError, match="No such file"):
        check_report(tmp_path / "absent.json")


def test_a_missing_gpu_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming the argument and the frameworks that see none; not a failure of every test."""
    monkeypatch.setattr(backends, "_settings", {"device": "cpu", "precision": backends.precision(), "backend": "all"})
    for name in ("jax", "torch"):
        monkeypatch.setattr(type(BACKENDS[name]), "sees_gpu", property(lambda backend: False))
        monkeypatch.setattr(type(BACKENDS[name]), "missing", property(lambda backend: ""))
    with pytest.raises(UsageError, match="--device cuda: jax and torch find no NVIDIA GPU"):
        configure("cuda", backends.precision())
    configure("cpu", backends.precision())
    assert BACKENDS["torch"].device == "cpu"
