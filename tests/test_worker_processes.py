"""Environments in processes: the same episodes as in threads, also when processes die, hang or raise."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_environments import FOLDER, Failing
from small_runs import quiet, small_settings
from test_evaluation import NOISE, TASK, towards_the_goal

from veloq.core.errors import SimulatorError, UsageError
from veloq.training import checkpoint, train, worker_processes
from veloq.training.environments import EvaluationEnvironment
from veloq.training.evaluation import EvaluationResult, evaluate
from veloq.training.run_folder import RunFolder


def run(patience: float = 60.0, stepping: Any = "processes", environments: int = 2) -> EvaluationResult:
    options: dict[str, Any] = {"stepping": stepping, "patience": patience, "environments": environments}
    return evaluate(TASK, towards_the_goal, (0, 7), 4, 2, NOISE, 2, record=4, **options)


@pytest.fixture(scope="module")
def expected() -> EvaluationResult:
    return run(stepping="threads")


def assert_same(result: EvaluationResult, expected: EvaluationResult) -> None:
    for name in ("success", "lengths", "returns"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name), err_msg=name)
    for paths, others in zip(result.trajectories, expected.trajectories, strict=True):
        for path, other in zip(paths, others, strict=True):
            np.testing.assert_array_equal(path, other)


@pytest.fixture
def failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files say how often and how episode 1 fails."""
    folder = tmp_path / "failures"
    folder.mkdir()
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setattr(worker_processes, "factory", Failing)
    # Processes of an earlier test have its environment variables.
    monkeypatch.setattr(worker_processes, "_idle", {})
    return folder


@pytest.mark.parametrize("environments", [1, 3])
def test_processes_run_the_episodes_of_threads(expected: EvaluationResult, environments: int) -> None:
    assert_same(run(environments=environments), expected)


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["die", "hang"])
def test_a_lost_process_costs_nothing_but_its_episodes(
    expected: EvaluationResult, failures: Path, failure: str
) -> None:
    (failures / f"{failure}-once").touch()
    assert_same(run(patience=15.0 if failure == "hang" else 60.0), expected)
    assert not list(failures.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ("die", "its worker died with exit code 7, a second time"),
        ("raise", "the arm is broken"),
    ],
)
def test_an_episode_that_fails_again_is_one_line(failures: Path, failure: str, says: str) -> None:
    for time in ("once", "twice", "thrice", "more"):
        (failures / f"{failure}-{time}").touch()
    with pytest.raises(SimulatorError, match=f"{TASK}: episode 1 of seed [07]: {says}") as failed:
        run()
    assert "\n" not in str(failed.value)


def test_an_environment_that_raises_in_a_thread_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: EvaluationEnvironment, action: Any) -> Any:
        raise RuntimeError("the arm\nis broken")

    monkeypatch.setattr(EvaluationEnvironment, "step", broken)
    with pytest.raises(SimulatorError, match=f"{TASK}: episode [01] of seed [07]: RuntimeError: the arm is broken$"):
        run(stepping="threads")


@pytest.mark.slow
def test_a_run_whose_environment_fails_goes_on_from_there(tmp_path: Path, data: Path, failures: Path) -> None:
    """The updates before the evaluation are not lost; resumed, it evaluates and ends as if nothing had been."""
    common: dict[str, Any] = {"backend": "torch", "method": "bc", "seeds": (0,), "episodes": 2, "curve_episodes": 2}
    settings = small_settings(tmp_path / "runs", data, updates=6, evaluate_every=3, dispatch=1, **common)
    for time in ("once", "twice", "thrice"):
        (failures / f"die-{time}").touch()
    with pytest.raises(SimulatorError, match="episode 1 of seed 0"):
        train.train(dataclasses.replace(settings, stepping="processes"), quiet())
    (begun,) = (tmp_path / "runs").iterdir()
    assert checkpoint.load_latest(begun).step == 3
    assert not checkpoint.load_latest(begun).progress["evaluated"]
    for path in failures.iterdir():
        path.unlink()
    assert train.resume(begun, quiet()).finished
    whole = train.train(dataclasses.replace(settings, directory=tmp_path / "whole"), quiet()).run
    found, wanted = (
        [r["success"] for r in RunFolder.open(run).records() if r["kind"] == "evaluation"] for run in (begun, whole)
    )
    assert found == wanted


ONLINE: dict[str, Any] = {"updates": 1, "online": 12, "warmup": 3, "evaluate_every": 4, "dispatch": 4}


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["none", "die", "hang"])
def test_online_a_lost_process_costs_nothing(tmp_path: Path, data: Path, failures: Path, failure: str) -> None:
    """Its episode is played again in another: experience and parameters are those of a run without processes."""
    settings = small_settings(tmp_path / "runs", data, curve_episodes=1, backend="torch", **ONLINE)
    wanted = checkpoint.load_latest(train.train(settings, quiet()).run)
    if failure != "none":
        (failures / f"{failure}-once").touch()
    patience = 15.0 if failure == "hang" else 60.0
    processes = dataclasses.replace(settings, stepping="processes", patience=patience)
    found = checkpoint.load_latest(train.train(processes, quiet()).run)
    assert not list(failures.iterdir())
    for part in ("state", "experience"):
        for name, value in getattr(wanted, part).items():
            np.testing.assert_array_equal(getattr(found, part)[name], value, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "says"), [("die", "its worker died with exit code 7, a second time"), ("raise", "the arm is broken")]
)
def test_online_a_failure_keeps_the_checkpoint_before(
    tmp_path: Path, data: Path, failures: Path, failure: str, says: str
) -> None:
    """One line; resumed, the run ends as one that never failed."""
    settings = small_settings(tmp_path / "runs", data, curve_episodes=1, seeds=(0,), backend="torch", **ONLINE)
    for time in ("once", "twice"):
        (failures / f"{failure}-{time}").touch()
    pattern = f"online episode 0 of seed 0: .*{says}; the last checkpoint is kept$"
    with pytest.raises(SimulatorError, match=pattern) as failed:
        train.train(dataclasses.replace(settings, stepping="processes"), quiet())
    assert "\n" not in str(failed.value)
    (begun,) = (tmp_path / "runs").iterdir()
    assert checkpoint.load_latest(begun).step == 4
    for path in failures.iterdir():
        path.unlink()
    if failure == "die":
        # Lost once more, which costs nothing.
        (failures / "die-again").touch()
    assert train.resume(begun, quiet()).finished
    assert not list(failures.iterdir())
    whole = train.train(dataclasses.replace(settings, directory=tmp_path / "whole"), quiet()).run
    wanted = checkpoint.load_latest(whole)
    for name, value in wanted.state.items():
        np.testing.assert_array_equal(checkpoint.load_latest(begun).state[name], value, err_msg=name)


def test_online_an_environment_that_raises_is_one_line(tmp_path: Path, data: Path, monkeypatch: Any) -> None:
    def broken(self: EvaluationEnvironment, action: Any) -> Any:
        raise RuntimeError("the arm\nis broken")

    settings = small_settings(tmp_path, data, backend="torch", **(ONLINE | {"updates": 0, "method": "rlpd"}))
    monkeypatch.setattr(EvaluationEnvironment, "step", broken)
    with pytest.raises(SimulatorError, match="online episode 0 of seed 0: RuntimeError: the arm is broken; the last"):
        train.train(settings, quiet())


def test_patience_is_positive() -> None:
    with pytest.raises(UsageError, match="patience must be positive, got 0"):
        run(patience=0.0)
