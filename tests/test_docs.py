"""Generated files are up to date, and examples in docstrings run."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest
from tree import ROOT

import veloq.reference


@pytest.mark.parametrize("script", ["generate.py", "generate_tolerances.py", "generate_errata.py"])
def test_generated_files_are_up_to_date(script):
    answer = subprocess.run(
        [sys.executable, str(ROOT / "docs" / script), "--check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(veloq.reference.__path__)])
def test_docstring_examples_run(module):
    failures, _ = doctest.testmod(importlib.import_module(f"veloq.reference.{module}"))
    assert failures == 0
