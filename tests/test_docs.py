"""Generated files are up to date, and examples in docstrings run."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from tree import ROOT

import veloq.reference
from veloq.algorithms.bc import BC
from veloq.verification.backends import BACKENDS
from veloq.verification.evaluations import evaluations
from veloq.verification.test_contract import all_checks


@pytest.mark.parametrize(
    "script",
    [
        "generate.py",
        "generate_certify.py",
        "generate_errata.py",
        "generate_evaluations.py",
        "generate_faults.py",
        "generate_methods.py",
        "generate_mutation.py",
        "generate_performance.py",
        "generate_protocols.py",
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


def test_every_repeated_evaluation_has_a_reason():
    page = (ROOT / "docs" / "evaluations.md").read_text()
    assert "| rows | reason |" in page
    assert "Not explained" not in page


def test_a_repeat_without_a_reason_is_found():
    def wasteful(K, config, models, batch, noise):
        loss, metrics = BC.updates[0].loss(K, config, models, batch, noise)
        models.frozen.actor(batch.observations)
        return loss, metrics

    twice = replace(BC, updates=(replace(BC.updates[0], loss=wasteful),))
    (repeat,) = evaluations(BACKENDS["torch"], twice).repeats()
    assert (repeat.network, repeat.rows, repeat.reason()) == ("actor", 1.0, None)


def test_catalogue_names_every_check():
    rows = set(re.findall(r"^\| ([A-Z]+(?:-\d+)?) \|", (ROOT / "docs" / "identities.md").read_text(), re.MULTILINE))
    assert {check_id for check_id, _ in all_checks()} == rows


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(veloq.reference.__path__)])
def test_docstring_examples_run(module):
    failures, _ = doctest.testmod(importlib.import_module(f"veloq.reference.{module}"))
    assert failures == 0
