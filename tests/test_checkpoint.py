"""Checkpoints are whole, verified, kept twice and never half-written."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from veloq.core.errors import CheckpointError
from veloq.training import checkpoint
from veloq.training.checkpoint import Checkpoint


def a_checkpoint(step: int, run: str = "run") -> Checkpoint:
    state = {
        "online/critic/hidden_0.kernel": np.arange(12, dtype=np.float32).reshape(2, 3, 2) + step,
        "step": np.array(step, dtype=np.int64),
    }
    return Checkpoint(step, state, run, {"evaluated": True, "metrics_bytes": 7})


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    written = a_checkpoint(3)
    checkpoint.save(tmp_path, written)
    read = checkpoint.load_latest(tmp_path, "run")
    assert (read.step, read.run, read.progress, read.rejected) == (3, "run", written.progress, ())
    assert read.state.keys() == written.state.keys()
    for name, value in written.state.items():
        assert read.state[name].dtype == value.dtype
        assert read.state[name].shape == value.shape
        assert read.state[name].tobytes() == value.tobytes()


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        checkpoint.save(tmp_path, a_checkpoint(step))
    names = sorted(path.name for path in checkpoint.checkpoints_folder(tmp_path).iterdir())
    assert names == ["step-000000002", "step-000000010"]
    assert checkpoint.latest_step(tmp_path) == 10


def test_the_best_stays_beside_the_last_ones(tmp_path: Path) -> None:
    for step, success in enumerate([0.2, 0.8, 0.8, None, 0.5, 0.1], 1):
        found = a_checkpoint(step)
        progress = found.progress if success is None else {**found.progress, checkpoint.SCORE: success}
        checkpoint.save(tmp_path, Checkpoint(step, found.state, "run", progress), keep=1)
    names = sorted(path.name for path in checkpoint.checkpoints_folder(tmp_path).iterdir())
    assert names == ["step-000000003", "step-000000006"]
    assert checkpoint.load_latest(tmp_path).step == 6
    assert checkpoint.load_best(tmp_path).step == 3
    (tmp_path / "checkpoints" / names[0] / checkpoint.STATE).write_bytes(b"")
    best = checkpoint.load_best(tmp_path)
    assert best.step == 6
    assert names[0] in best.rejected[0]


def test_without_an_evaluation_there_is_no_best(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, a_checkpoint(1))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.load_best(tmp_path)


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, a_checkpoint(4, "old"))
    checkpoint.save(tmp_path, a_checkpoint(4, "new"))
    assert checkpoint.load_latest(tmp_path).run == "new"
    assert len(list(checkpoint.checkpoints_folder(tmp_path).iterdir())) == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "no state", "no manifest", "bad manifest", "empty manifest"])
def test_damage_is_noticed_and_the_previous_one_is_used(tmp_path: Path, damage: str) -> None:
    checkpoint.save(tmp_path, a_checkpoint(1))
    newest = checkpoint.save(tmp_path, a_checkpoint(2))
    state, manifest = newest / checkpoint.STATE, newest / checkpoint.MANIFEST
    payload = bytearray(state.read_bytes())
    if damage == "flip":
        payload[-1] ^= 1
        state.write_bytes(payload)
    elif damage == "cut":
        state.write_bytes(payload[:-5])
    elif damage == "no state":
        state.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("{" if damage == "bad manifest" else "{}", encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(newest)
    assert str(newest) in str(caught.value)
    assert "\n" not in str(caught.value)
    found = checkpoint.load_latest(tmp_path)
    assert found.step == 1
    assert found.rejected == (str(caught.value),)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, a_checkpoint(1, "mine"))
    with pytest.raises(CheckpointError, match="belongs to another run"):
        checkpoint.load_latest(tmp_path, "yours")


def test_no_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.load_latest(tmp_path)


@pytest.mark.parametrize("failing", ["_write_synced", "_sync_folder", "_put_in_place"])
def test_a_crash_while_saving_leaves_the_old_one_and_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    checkpoint.save(tmp_path, a_checkpoint(1))

    def crash(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, failing, crash)
    with pytest.raises(CheckpointError, match=r"step-000000002: cannot be written \(No space left on device\)"):
        checkpoint.save(tmp_path, a_checkpoint(2))
    assert [path.name for path in checkpoint.checkpoints_folder(tmp_path).iterdir()] == ["step-000000001"]
    assert checkpoint.load_latest(tmp_path).step == 1
