"""Evaluations in a thread beside training: the results are those of runs that wait, and nothing is lost."""

import threading
from pathlib import Path
from typing import Any

import pytest
from small_runs import quiet, small_settings, timeless_records

from veloq.core.errors import SimulatorError, UsageError
from veloq.training import checkpoint, train
from veloq.training.backends import engine_class
from veloq.training.environments import EvaluationEnvironment
from veloq.training.interruption import StopRequest
from veloq.training.loop import Loop
from veloq.training.scoring import Scorer
from veloq.training.settings import Settings

BACKENDS = pytest.mark.parametrize("backend", ["jax", "torch"])


def settings(folder: Path, data: Path, backend: str = "torch", **changes: Any) -> Settings:
    """Twelve updates, evaluated after 4, 8 and 12."""
    sizes: dict[str, Any] = {"updates": 12, "evaluate_every": 4, "dispatch": 2, "seeds": (0,), "method": "bc"}
    return small_settings(folder, data, backend=backend, **{**sizes, "evaluate_beside": True, **changes})


@BACKENDS
def test_what_is_found_is_what_a_run_that_waits_finds(tmp_path: Path, data: Path, backend: str) -> None:
    """The line of an evaluation stands before that of the next one."""
    beside = train.train(settings(tmp_path / "beside", data, backend), quiet())
    waits = train.train(settings(tmp_path / "waits", data, backend, evaluate_beside=False), quiet())
    found, wanted = timeless_records(beside.run), timeless_records(waits.run)
    assert [(r["kind"][0], r["step"]) for r in found] == [
        *(("t", 2), ("t", 4), ("t", 6), ("t", 8), ("e", 4)),
        *(("t", 10), ("t", 12), ("e", 8), ("e", 12)),
    ]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    assert (beside.success, beside.finished) == (waits.success, True)
    for run in (beside.run, waits.run):
        assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["step-000000008", "step-000000012"]
    scores = [
        checkpoint.load(run / "checkpoints/step-000000008").progress["success"] for run in (beside.run, waits.run)
    ]
    assert scores[0] == scores[1]


def test_training_goes_on_meanwhile(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first evaluation ends only after the eighth update began; a run that waits would never end."""
    engine, trained = engine_class("torch"), threading.Event()
    score, run = Scorer.score, engine.run

    def scored(self: Scorer, *arguments: Any, **options: Any) -> Any:
        assert trained.wait(60), "training did not go on"
        return score(self, *arguments, **options)

    def ran(self: Any, state: Any, updates: int) -> Any:
        if state.step == 6:
            trained.set()
        return run(self, state, updates)

    monkeypatch.setattr(Scorer, "score", scored)
    monkeypatch.setattr(engine, "run", ran)
    assert train.train(settings(tmp_path, data), quiet()).finished


@pytest.mark.parametrize("at", [4, 6, 8])
def test_a_stopped_run_goes_on_as_if_it_never_stopped(
    tmp_path: Path, data: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the evaluation and keeps its record in the checkpoint: lines come in the same order."""
    whole = train.train(settings(tmp_path / "whole", data), quiet())
    check, loops = StopRequest.check, list[Loop]()
    monkeypatch.setattr(Loop, "__post_init__", lambda self: loops.append(self) or setattr(self, "began", self.step))

    def stopped(self: StopRequest) -> None:
        if loops[-1].step == at:
            self.requested = 15
        check(self)

    monkeypatch.setattr(StopRequest, "check", stopped)
    part = train.train(settings(tmp_path / "part", data), quiet())
    assert (part.finished, part.step) == (False, at)
    newest = checkpoint.load_latest(part.run).progress
    assert newest["found_beside"]["step"] == at // 4 * 4
    assert ("success" in newest) == (at % 4 == 0)
    monkeypatch.setattr(StopRequest, "check", check)
    assert train.resume(part.run, quiet()).success == whole.success
    assert timeless_records(part.run) == timeless_records(whole.run)


def test_an_environment_that_fails_is_said_at_the_next_evaluation(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed, the run evaluates the checkpoint again and ends as if nothing had been."""
    step = EvaluationEnvironment.step

    def broken(self: EvaluationEnvironment, action: Any) -> Any:
        raise RuntimeError("the arm is broken")

    monkeypatch.setattr(EvaluationEnvironment, "step", broken)
    with pytest.raises(SimulatorError, match="the arm is broken"):
        train.train(settings(tmp_path / "runs", data), quiet())
    (begun,) = (tmp_path / "runs").iterdir()
    assert checkpoint.load_latest(begun).step == 4
    assert not checkpoint.load_latest(begun).progress["evaluated"]
    monkeypatch.setattr(EvaluationEnvironment, "step", step)
    assert train.resume(begun, quiet()).finished
    whole = train.train(settings(tmp_path / "whole", data), quiet())
    assert timeless_records(begun) == timeless_records(whole.run)


def test_a_run_that_ends_by_an_error_leaves_no_evaluation_behind(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, before = engine_class("torch"), threading.active_count()
    run = engine.run

    def failing(self: Any, state: Any, updates: int) -> Any:
        if state.step == 6:
            raise RuntimeError("no memory")
        return run(self, state, updates)

    monkeypatch.setattr(engine, "run", failing)
    with pytest.raises(RuntimeError, match="no memory"):
        train.train(settings(tmp_path, data, curve_episodes=1000), quiet())
    assert threading.active_count() == before


def test_torch_has_one_precision_for_all_threads(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="evaluate-beside: torch's precision"):
        train.train(settings(tmp_path, data, precision="fast"), quiet())
