"""Generated files are up to date, and examples in docstrings run."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys

import pytest
from tree import ROOT

import veloq.reference
from veloq.verification.test_contract import all_checks


@pytest.mark.parametrize(
    "script",
    [
        "generate.py",
        "generate_certify.py",
        "generate_errata.py",
        "generate_faults.py",
        "generate_methods.py",
        "generate_mutation.py",
        "generate_performance.py",
        "generate_tolerances.py",
    ],
)
def test_generated_files_are_up_to_date(script):
    answer = subprocess.run(
        [sys.executable, str(ROOT / "docs" / script), "--check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_surviving_mutant_is_explained():
    assert "Not explained yet" not in (ROOT / "docs" / "mutation.md").read_text()


def test_catalogue_names_every_check():
    rows = set(re.findall(r"^\| ([A-Z]+(?:-\d+)?) \|", (ROOT / "docs" / "identities.md").read_text(), re.MULTILINE))
    assert {check_id for check_id, _ in all_checks()} == rows


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(veloq.reference.__path__)])
def test_docstring_examples_run(module):
    failures, _ = doctest.testmod(importlib.import_module(f"veloq.reference.{module}"))
    assert failures == 0
