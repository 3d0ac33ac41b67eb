"""The pytest plugin of the verification: options, backends, profiles, and the report at the end."""

from typing import Any

import pytest

from . import profiles
from .backends import BACKENDS, configure, select, selected

DEFAULTS = {"backend": "all", "device": "cpu", "precision": "highest", "examples": None, "report_dir": None}

# Warnings are errors, except those that the frameworks raise about themselves.
WARNINGS = (
    "error",
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("veloq", "veloq verification")
    group.addoption("--backend", choices=("all", *BACKENDS), default="all", help="implementations to check")
    group.addoption("--device", choices=("cpu", "cuda"), default="cpu", help="where JAX and torch compute")
    group.addoption("--precision", choices=("highest", "fast"), default="highest", help="of matrix products")
    group.addoption("--examples", type=int, default=None, help="examples for every check instead of its own count")
    group.addoption("--report-dir", default=None, help="write verification-report.json and .html there")


def option(config: pytest.Config, name: str) -> Any:
    """An option's value; its default when the options were not registered (bare `pytest --pyargs`)."""
    return getattr(config.option, name, DEFAULTS[name])


def pytest_configure(config: pytest.Config) -> None:
    for line in WARNINGS:
        config.addinivalue_line("filterwarnings", line)
    configure(option(config, "device"), option(config, "precision"))
    select(option(config, "backend"))
    profile = getattr(config.option, "hypothesis_profile", None) or "dev"
    profiles.choose(profile, option(config, "examples"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", [_parameter(each) for each in selected()], scope="session")


def _parameter(backend: Any) -> Any:
    marks = [pytest.mark.skip(reason=f"missing: {backend.missing}")] if backend.missing else []
    return pytest.param(backend, id=backend.name, marks=marks)
