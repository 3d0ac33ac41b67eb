"""Trackers get copies of the metrics; a run neither waits for them nor ends by them."""

import json
import sys
import threading
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_runs import quiet, small_settings

from veloq.core.errors import UsageError
from veloq.training import trackers, train
from veloq.training.trackers import Tracker, scalars


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module in the place of wandb, whose `init` and `log` a test may replace."""
    logged: list[tuple[int, dict[str, float]]] = []
    session = SimpleNamespace(
        log=lambda values, step: logged.append((step, values)), finish=lambda: logged.append((-1, {}))
    )
    module = SimpleNamespace(
        init=lambda **options: session, session=session, logged=logged, __spec__=ModuleSpec("wandb", None)
    )
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def small(directory: Path, data: Path) -> Any:
    return small_settings(directory, data, backend="torch", method="bc", log=("wandb",))


def test_a_tracker_gets_every_number(wandb: Any, tmp_path: Path, data: Path) -> None:
    run = train.train(small(tmp_path, data), quiet()).run
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [step for step, _ in wandb.logged] == [*(record["step"] for record in records), -1]
    for record, (_, values) in zip(records, wandb.logged, strict=False):
        assert values == dict(scalars(record, ["seed 0", "seed 1"]))
    assert "training/loss/seed 1" in wandb.logged[0][1] or "training/behaviour_loss/seed 1" in wandb.logged[0][1]
    assert any("evaluation/method/success/seed 0" in values for _, values in wandb.logged)


@pytest.mark.parametrize("failing", ["init", "log", "exit"])
def test_a_tracker_that_fails_is_told_once(failing: str, wandb: Any, tmp_path: Path, data: Path) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise SystemExit if failing == "exit" else OSError("no network\nat all")

    setattr(wandb if failing == "init" else wandb.session, "init" if failing == "init" else "log", fail)
    told: list[str] = []
    tracker = Tracker("wandb", tmp_path, {}, told.append)
    for step in range(3):
        tracker.put({"kind": "training", "step": step, "updates_per_second": 1.0, "metrics": {}}, [])
    tracker.close()
    tracker.close()
    assert len(told) == 1
    assert told[0].startswith("wandb: SystemExit" if failing == "exit" else "wandb: no network at all")
    assert train.train(small(tmp_path, data), quiet()).finished


def test_a_tracker_that_never_answers_is_not_waited_for(wandb: Any, tmp_path: Path) -> None:
    release, told = threading.Event(), []
    wandb.init = lambda **options: release.wait(60)
    tracker = Tracker("wandb", tmp_path, {}, told.append)
    began = time.monotonic()
    for step in range(trackers.KEPT + 5):
        tracker.put({"kind": "training", "step": step, "updates_per_second": 1.0, "metrics": {}}, [])
    tracker.close(patience=0.1)
    assert time.monotonic() - began < 30
    assert [line.split(";")[0] for line in told] == ["wandb: does not keep up"]
    release.set()


def test_a_goodbye_has_an_end(wandb: Any, tmp_path: Path) -> None:
    release, told = threading.Event(), []
    wandb.session.finish = lambda: release.wait(60)
    Tracker("wandb", tmp_path, {}, told.append).close(patience=0.2)
    assert told == ["wandb: did not finish within 0.2 s; the run goes on, its numbers are in metrics.jsonl"]
    release.set()


def test_tensorboard_files_are_written(tmp_path: Path, data: Path) -> None:
    pytest.importorskip("tensorboardX")
    settings = small_settings(tmp_path, data, backend="torch", method="bc", log=("tensorboard",))
    run = train.train(settings, quiet()).run
    (file,) = (run / "tensorboard").iterdir()
    assert b"evaluation/method/success/seed_1" in file.read_bytes()


def test_a_tracker_that_is_unknown_or_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="unknown tracker 'tensorbord'; known: tensorboard, wandb, trackio"):
        train.train(small_settings(tmp_path, data, log=("tensorbord",)), quiet())
    monkeypatch.setitem(trackers.PACKAGES, "trackio", "a_package_that_is_absent")
    with pytest.raises(UsageError, match=r"trackio needs a_package_that_is_absent: pip install 'veloq\[trackio\]'"):
        train.train(small_settings(tmp_path, data, log=("trackio",)), quiet())
    assert not list(tmp_path.iterdir())
