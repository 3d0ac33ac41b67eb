"""NaN and infinity in training: found again, kept for a look, or passed over and counted."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from small_runs import quiet, small_settings

from veloq.core.errors import DivergenceError
from veloq.training import checkpoint, task_data
from veloq.training import train as training
from veloq.training.data.convert import convert
from veloq.training.data.streaming import Stream
from veloq.training.data.transitions import TransitionData
from veloq.training.fine_tuning import Actor
from veloq.training.run_folder import RunFolder

PLANTED = 700
BACKENDS = pytest.mark.parametrize("backend", ["jax", "torch"])


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN in one reward of two thousand, behind the readers, which would refuse it."""
    load = task_data.load_task

    def damaged(*arguments: Any, **options: Any) -> TransitionData:
        rows = load(*arguments, **options)
        rewards = rows.rewards.copy()
        rewards[PLANTED] = np.nan
        return dataclasses.replace(rows, rewards=rewards)

    monkeypatch.setattr(task_data, "load_task", damaged)


def losses(run: Path) -> list[dict[str, Any]]:
    return [record for record in RunFolder.open(run).records() if record["kind"] == "training"]


@pytest.mark.slow
@pytest.mark.usefixtures("planted")
@BACKENDS
def test_a_nan_in_the_data_is_found_and_kept(tmp_path: Path, data: Path, backend: str) -> None:
    """The batch that held it, the state it met and the causes, data first; the last checkpoint is as it was."""
    pytest.importorskip(backend)
    settings = small_settings(tmp_path, data, backend=backend, updates=400, evaluate_every=100, dispatch=10)
    with pytest.raises(DivergenceError, match=r"rewards of the batch \(1 of 8 entries\).*checkpoint") as raised:
        training.train(settings, quiet())
    (run,) = tmp_path.glob("qam-*")
    (folder,) = (run / "nan").iterdir()
    finding = json.loads((folder / "finding.json").read_text(encoding="utf-8"))
    step, state = finding["step"], load_file(folder / "state.safetensors")
    assert folder.name == f"step-{step:09d}"
    assert f"update {step + 1} of seed {finding['seed']}" in str(raised.value)
    assert str(folder / "finding.json") in str(raised.value)
    assert np.isnan(load_file(folder / "batch.safetensors")["rewards"]).sum() == 1
    assert state["step"] == step
    assert all(np.isfinite(value).all() for value in state.values())
    assert finding["causes"][0].startswith("rewards of the batch")
    assert any("gradient of critic" in cause for cause in finding["causes"])
    assert not any("of the batch" in cause for cause in finding["causes"][1:])
    assert (checkpoint.latest_step(run) or 0) == step // 100 * 100
    assert len(losses(run)) == step // 10
    assert (run / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("planted")
@BACKENDS
def test_skip_passes_such_updates_and_counts_them(tmp_path: Path, data: Path, backend: str) -> None:
    """After the stop, resumed with another answer; the whole state stays finite and the report says how many."""
    pytest.importorskip(backend)
    common: dict[str, Any] = {"backend": backend, "updates": 60, "evaluate_every": 60, "dispatch": 5, "seeds": (0,)}
    settings = small_settings(tmp_path, data, **common)
    settings = dataclasses.replace(settings, config=dataclasses.replace(settings.config, batch_size=256))
    with pytest.raises(DivergenceError, match="no checkpoint was written before"):
        training.train(settings, quiet())
    outcome = training.train(dataclasses.replace(settings, nan="skip"), quiet())
    assert outcome.finished
    skipped = [record.get("skipped", [0]) for record in losses(outcome.run)]
    assert 0 < sum(map(sum, skipped)) < 60
    assert f"{sum(map(sum, skipped))} losses skipped" in (outcome.run / "report.html").read_text(encoding="utf-8")
    assert all(np.isfinite(value).all() for value in checkpoint.load_latest(outcome.run).state.values())
    assert training.resume(outcome.run, quiet(), updates=80).finished


@pytest.mark.slow
@BACKENDS
def test_a_learning_rate_that_explodes_is_named(tmp_path: Path, data: Path, backend: str) -> None:
    """No datum is at fault: the first thing that is not finite is a loss, a metric or a gradient."""
    pytest.importorskip(backend)
    settings = small_settings(tmp_path, data, backend=backend, config={"learning_rate": 1e30}, seeds=(0,))
    with pytest.raises(DivergenceError, match="it began in update") as raised:
        training.train(settings, quiet())
    assert "of the batch" not in str(raised.value)
    assert len(list(tmp_path.glob("qam-*/nan/step-*/finding.json"))) == 1


@pytest.mark.slow
@BACKENDS
def test_a_nan_met_online_is_found_in_what_was_met(
    tmp_path: Path, data: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulator of seed 1 gives NaN in step 46; from the checkpoint of step 40 the updates are made again."""
    pytest.importorskip(backend)
    step = Actor.step

    def damaged(actor: Actor) -> Any:
        row, ended = step(actor)
        spoilt = actor.seed == 1 and actor.length == 46
        return row._replace(rewards=np.float32(np.nan) if spoilt else row.rewards), ended

    monkeypatch.setattr(Actor, "step", damaged)
    sizes = {"updates": 0, "online": 80, "warmup": 10, "utd": 2, "evaluate_every": 20, "dispatch": 20}
    settings = small_settings(tmp_path, data, backend=backend, method="rlpd", **sizes)
    with pytest.raises(DivergenceError, match=r"of seed 1 with rewards of the batch .*checkpoint of step 40 is kept"):
        training.train(settings, quiet())
    (folder,) = tmp_path.glob("rlpd-*/nan/step-*")
    finding = json.loads((folder / "finding.json").read_text(encoding="utf-8"))
    # Step 46 is followed by the updates after 2 (46 - 11) others; one of the next few draws it.
    assert 70 <= finding["step"] < 70 + 2 * 14
    assert np.isnan(load_file(folder / "batch.safetensors")["rewards"]).sum() >= 1
    assert all(np.isfinite(value).all() for value in load_file(folder / "state.safetensors").values())


@pytest.mark.slow
@BACKENDS
def test_a_nan_in_a_portion_is_found_in_that_portion(
    tmp_path: Path, data: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third portion begins with update 7; the checkpoint of step 4 lies in the second."""
    pytest.importorskip(backend)
    folder = convert([data / "pointmaze-medium-navigate-v0.npz"], tmp_path / "pointmaze-medium-navigate-v0", quiet())
    portion = Stream.portion

    def damaged(stream: Stream, number: int) -> TransitionData:
        rows = portion(stream, number)
        return dataclasses.replace(rows, rewards=rows.rewards * np.float32(np.nan if number == 2 else 1))

    monkeypatch.setattr(Stream, "portion", damaged)
    sizes = {"updates": 12, "dispatch": 2, "evaluate_every": 4, "portion": 500, "portion_every": 3}
    settings = small_settings(tmp_path / "runs", folder.parent, backend=backend, seeds=(0,), **sizes)
    with pytest.raises(DivergenceError, match=r"update 7 of seed 0 with rewards .*checkpoint of step 4 is kept"):
        training.train(settings, quiet())
