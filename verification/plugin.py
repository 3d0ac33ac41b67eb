"""The pytest plugin of the verification: options, backends, profiles, and the report at the end."""

import json
import random
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..algorithms import ALGORITHMS
from ..core.errors import UsageError
from . import cores, profiles, programs
from .backends import BACKENDS, Backend, configure, select, selected
from .check import checks_of
from .environment import environment
from .page import page
from .record import begin
from .report import Outcome, Row, as_json, margins, number, rows
from .seal import sealed
from .turns import MEANING, take_turns

DEFAULTS = {
    "backend": "all",
    "device": "cpu",
    "precision": "highest",
    "examples": None,
    "day": None,
    "report_dir": None,
}
# Warnings are errors, except those that the frameworks raise about themselves.
WARNINGS = (
    "error",
    "ignore:.torch.jit.script(_method)?. is deprecated:DeprecationWarning",
)
PROPERTY = "veloq"
MISSING = "missing: "


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("veloq", "veloq verification")
    group.addoption("--backend", choices=("all", *BACKENDS), default="all", help="implementations to check")
    group.addoption("--device", choices=("cpu", "cuda"), default="cpu", help="where JAX and torch compute")
    group.addoption("--precision", choices=("highest", "fast"), default="highest", help="of matrix products")
    group.addoption("--examples", type=int, default=None, help="examples for every check instead of its own count")
    group.addoption("--day", type=int, default=None, help="do this day's share of the long checks, not all of them")
    group.addoption("--report-dir", default=None, help="write verification-report.json and .html there")


def option(config: pytest.Config, name: str) -> Any:
    """An option's value; its default when the options were not registered (bare `pytest --pyargs`)."""
    return getattr(config.option, name, DEFAULTS[name])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for line in WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    config.addinivalue_line("markers", MEANING)
    if hasattr(config, "workerinput"):
        cores.keep_to_share(config.workerinput)
    select(option(config, "backend"))
    try:
        configure(option(config, "device"), option(config, "precision"))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    programs.watch()
    profile = getattr(config.option, "hypothesis_profile", None) or "dev"
    profiles.choose(profile, option(config, "examples"))
    if profile == "dev" and getattr(config.option, "hypothesis_seed", None) is None:
        # Hypothesis reads the option after this hook, and xdist hands it to its workers: one seed for the whole run.
        config.option.hypothesis_seed = str(random.SystemRandom().getrandbits(32))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(config), "veloq-report")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`backend` runs a test once per selected backend, `framework` once per selected one besides the reference.

    `reference` runs it once, on the reference, whatever is selected: for what is the same file on all of them.
    """
    aims = {
        "backend": selected(),
        "framework": [each for each in selected() if each.name != "reference"],
        "reference": [BACKENDS["reference"]],
    }
    for name, chosen in aims.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [_parameter(each) for each in chosen], scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests of a method go to one process, which compiles it once and remembers what the reference said."""
    if (day := option(config, "day")) is not None:
        take_turns(items, day)
    for item in items:
        callspec = getattr(item, "callspec", None)
        name = callspec.params.get("name") if callspec else None
        if name in ALGORITHMS:
            item.add_marker(pytest.mark.xdist_group(name))


def _parameter(backend: Backend) -> Any:
    marks = [pytest.mark.skip(reason=MISSING + backend.missing)] if backend.missing else []
    return pytest.param(backend, id=backend.name, marks=marks)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Give every test a record of its own and hand it to the reporting process with the result."""
    record = begin()
    tags = checks_of(getattr(item, "function", None))
    callspec = getattr(item, "callspec", None)
    chosen = next((each for each in callspec.params.values() if isinstance(each, Backend)), None) if callspec else None
    # Filled in as the test runs: user_properties travel with the reports, also from xdist's workers.
    entry = {"checks": tags, "backend": chosen.name if chosen else "all", "record": {}}
    item.user_properties.append((PROPERTY, entry))
    item.stash[RECORD] = (record, entry)
    return (yield)


RECORD = pytest.StashKey[Any]()


def pytest_runtest_logfinish() -> None:
    """After every test, in the process that ran it."""
    programs.let_go()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    record, entry = item.stash[RECORD]
    entry["record"] = record.as_dict()
    return (yield)


class Collector:
    """Gathers outcomes in the reporting process and writes table, JSON and HTML."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.started = time.time()
        self.outcomes: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the call of a test, or whatever ended it before or after."""
        if report.when != "call" and report.outcome == "passed":
            return
        entry = dict(report.user_properties).get(PROPERTY)
        if not isinstance(entry, dict):
            return
        reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        reason = reason.removeprefix("Skipped: ")
        outcome = "missing" if reason.startswith(MISSING) else report.outcome
        checks = [tuple(tag) for tag in entry["checks"]]
        self.outcomes.append(
            Outcome(checks, report.nodeid, entry["backend"], outcome, reason, report.duration, entry["record"])
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table, the margins and the seed, and write both files."""
        table = rows(self.outcomes)
        if not table:
            return
        terminalreporter.section("verification")
        print_table(table, terminalreporter)
        terminalreporter.section("margins")
        print_margins(margins(self.outcomes), terminalreporter)
        terminalreporter.write_line(f"seed: {self.seed()}")
        folder = option(self.config, "report_dir")
        if folder is not None:
            for path in self.write(Path(folder), table):
                terminalreporter.write_line(f"written: {path}")

    def seed(self) -> str:
        """What draws the same examples again: `--hypothesis-seed` with this number, or nothing under `ci`."""
        if profiles.profile_name() == "ci":
            return "derandomized"
        return str(getattr(self.config.option, "hypothesis_seed", None) or "random")

    def write(self, folder: Path, table: list[Row]) -> list[Path]:
        """Write the JSON and HTML reports into `folder`."""
        settings = {name: option(self.config, name) for name in ("backend", "device", "precision", "examples", "day")}
        settings |= {"profile": profiles.profile_name(), "seed": self.seed()}
        settings["command"] = shlex.join(["pytest", *map(str, self.config.invocation_params.args)])
        circumstances = {
            "settings": settings,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            **environment(settings["device"]),
        }
        totals: dict[str, float] = {
            state: sum(outcome.outcome == state for outcome in self.outcomes)
            for state in ("passed", "failed", "missing", "skipped")
        }
        totals["seconds"] = round(time.time() - self.started, 1)
        report = sealed(as_json(table, margins(self.outcomes), circumstances, totals))
        folder.mkdir(parents=True, exist_ok=True)
        data, html = folder / "verification-report.json", folder / "verification-report.html"
        data.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        html.write_text(page(table, report), encoding="utf-8")
        return [data, html]


def print_table(table: list[Row], reporter: Any) -> None:
    """One line per statement: id, verdict, backends, examples, worst error, tolerance, statement."""
    reporter.write_line(
        f"{'check':<10}{'verdict':<11}{'backends':<22}{'examples':>9}{'worst':>10}{'tolerance':>11}{'ratio':>10}"
        "  statement"
    )
    for row in table:
        names = ",".join(name if state == "passed" else f"{name}({state})" for name, state in row.backends.items())
        line = (
            f"{row.check:<10}{row.verdict:<11}{names:<22}{row.examples:>9}{number(row.error):>10}"
            f"{number(row.bound):>11}{number(row.ratio):>10}  {row.statement}"
        )
        reporter.write_line(line, red=row.verdict == "failed", yellow=row.verdict in ("incomplete", "skipped"))


def print_margins(closest: list[dict[str, Any]], reporter: Any) -> None:
    """One line per tolerance class and dtype: the largest error over tolerance, what it was, whether to look at it."""
    for row in closest:
        line = f"{row['class']:<12}{row['dtype']:<9}{number(row['ratio']):>8}  {row['what'] or row['test']}"
        reporter.write_line(f"{line}  [{row['remark']}]" if row["remark"] else line)
