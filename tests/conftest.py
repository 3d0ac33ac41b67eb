"""Which cores, methods and bad files this run of the tests takes."""

import datetime
import os
from pathlib import Path

import pytest
from small_runs import DATA_SET

from veloq.training.data import make
from veloq.verification import cores

THIRD = "VELOQ_THIRD"
TENTH = "VELOQ_TENTH"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-methods", action="store_true", help="train every method, not today's third of them")
    parser.addoption("--faults", action="store_true", help="read every bad file, not today's tenth of them")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        cores.keep_to_share(config.workerinput)
    # Said once, so that every worker of a run takes the same shares, also around midnight.
    day = datetime.date.today().timetuple().tm_yday
    os.environ.setdefault(THIRD, str(day % 3))
    os.environ.setdefault(TENTH, str(day % 10))


def pytest_report_header(config: pytest.Config) -> list[str]:
    third, tenth = os.environ[THIRD], os.environ[TENTH]
    methods = f"third {third} of 0, 1, 2; {THIRD} chooses another, --all-methods all"
    files = f"tenth {tenth} of 0 to 9; {TENTH} chooses another, --faults all"
    return [
        f"methods that train: {'all' if config.getoption('--all-methods') else methods}",
        f"bad files that are read: {'all' if config.getoption('--faults') else files}",
    ]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two episodes of the smallest maze's data."""
    directory = tmp_path_factory.mktemp("data")
    make(DATA_SET, 2000, workers=1, directory=directory, source="regenerate")
    return directory
