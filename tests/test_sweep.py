"""Sweeps: several settings of a method trained side by side in one run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import DESCRIPTION, decision_noise, quiet, small_settings

from veloq.core.algorithm import Dimensions
from veloq.core.errors import CheckpointError, UsageError
from veloq.training import checkpoint, train
from veloq.training.members import members, parse_sweep
from veloq.training.policies import evaluate_run, load_policy
from veloq.training.run_folder import RunFolder
from veloq.verification.assertions import assert_at_most

SWEEP = {"learning_rate": (1e-4, 1e-2), "target_rate": (0.1, 0.9)}
ROUNDING = 1e-6  # a hundredth of one of Adam's steps at the learning rate that is compared


def test_settings_stand_beside_seeds() -> None:
    labels = [member.label for member in members((3, 4), parse_sweep(["inv-temp=0.5,2"]))]
    assert labels == ["inv_temp=0.5 seed 3", "inv_temp=0.5 seed 4", "inv_temp=2 seed 3", "inv_temp=2 seed 4"]
    assert [member.label for member in members((3,), {})] == ["seed 3"]


@pytest.mark.parametrize("words", [["rho"], ["rho=0,x"], ["rho=0,0"], ["rho=0", "rho=1"], ["rho="]])
def test_a_sweep_that_cannot_be_read_is_one_error(words: list[str]) -> None:
    with pytest.raises(UsageError, match="sweep"):
        parse_sweep(words)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"rho": (0.0, float("nan"))}, "rho must be finite"),
        ({"target_rate": (0.5, 1.5)}, "target_rate must lie in"),
        ({"discount": (0.9, 0.99)}, "discount"),
        ({"chunk": (1.0, 2.0)}, "chunk"),
        ({"warmth": (1.0, 2.0)}, "warmth"),
    ],
)
def test_a_sweep_out_of_range_is_refused(
    tmp_path: Path, data: Path, sweep: dict[str, tuple[float, ...]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train.train(small_settings(tmp_path / "runs", data, sweep=sweep), quiet())
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_sweep_trains_resumes_and_acts_as_its_settings(tmp_path: Path, data: Path, backend: str) -> None:
    """Beside a run of one setting alone: the same parameters up to rounding, hence the same actions."""
    pytest.importorskip(backend)
    common: dict[str, Any] = {"backend": backend, "seeds": (0,), "updates": 4, "evaluate_every": 4}
    swept = train.train(small_settings(tmp_path, data, sweep=SWEEP, **common | {"updates": 2}), quiet())
    swept = train.resume(swept.run, quiet(), updates=4)
    assert [member.label for member in swept.members][1] == "learning_rate=0.0001 target_rate=0.9 seed 0"
    assert swept.success is not None
    assert len(swept.success) == 4
    setting = {"learning_rate": 1e-4, "target_rate": 0.9}
    alone = train.train(small_settings(tmp_path, data, config=setting, **common), quiet())
    state, wanted = (checkpoint.load_latest(run).state for run in (swept.run, alone.run))
    for name, value in wanted.items():
        if name.startswith(("online", "target")):
            assert_at_most(np.abs(state[name][1] - value[0]), ROUNDING, name)
    trained = [name for name in wanted if name.startswith("adam_first")]
    assert any(not np.array_equal(state[name][0], state[name][2]) for name in trained)
    algorithm, config = RunFolder.open(alone.run).method()
    s, noise = np.zeros((1, 2), np.float32), decision_noise(algorithm, config, Dimensions(2, 4), (1,))
    acted, lone = load_policy(swept.run, "reference", 0, numbers=setting), load_policy(alone.run)
    assert_at_most(np.abs(acted(s, noise) - lone(s, noise)), ROUNDING, "actions")
    assert evaluate_run(swept.run, "reference", 1).success.shape == (4, 1)
    with pytest.raises(UsageError, match="it has learning_rate=0\\.0001 target_rate=0\\.1 seed 0"):
        load_policy(swept.run, "reference", 0, numbers={"learning_rate": 0.5})
    assert "learning_rate=0.01 target_rate=0.9 seed 0" in (swept.run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [3, {"rho": 3}, {"rho": []}, {"rho": ["x"]}, {"chunk": [1.0]}])
def test_a_damaged_sweep_is_one_error(tmp_path: Path, damage: Any) -> None:
    run = RunFolder.create(tmp_path, {**DESCRIPTION, "sweep": damage})
    with pytest.raises(CheckpointError, match="config"):
        _ = RunFolder.open(run.path).members
