"""Which cores and methods this run of the tests takes."""

import datetime
import os

import pytest

from veloq.verification import cores

THIRD = "VELOQ_THIRD"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-methods", action="store_true", help="train every method, not today's third of them")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        cores.keep_to_share(config.workerinput)
    # Said once, so that every worker of a run takes the same third, also around midnight.
    os.environ.setdefault(THIRD, str(datetime.date.today().timetuple().tm_yday % 3))


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("--all-methods"):
        return "methods that train: all"
    return f"methods that train: third {os.environ[THIRD]} of 0, 1, 2; {THIRD} chooses another, --all-methods all"
