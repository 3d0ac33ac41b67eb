"""Films of rollouts: the episodes that are scored, rendered without a display, or one line on what is missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import quiet, small_settings

from veloq import command
from veloq.core.errors import RenderingError, UsageError
from veloq.training import rollouts, train
from veloq.training.environments import EvaluationEnvironment
from veloq.training.policies import evaluate_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    settings = small_settings(tmp_path_factory.mktemp("runs"), data, backend="torch", method="bc", seeds=(0,))
    return train.train(settings, quiet()).run


@pytest.mark.slow
def test_a_film_shows_the_episode(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images: Any = pytest.importorskip("imageio.v3")
    film = tmp_path / "film.gif"
    words = ["evaluate", str(run), "--episodes", "1", "--backend", "torch", "--video-file", str(film)]
    code = command.main([*words, "--video-episodes", "1"])
    said = capsys.readouterr()
    if code:
        assert "no rollouts: egl failed" in said.err
        pytest.skip(said.err.strip())
    assert f"video              {film}" in said.out
    frames = images.imread(film)
    steps = int(evaluate_run(run, "torch", 1).lengths[0, 0])
    # Gif drops frames that equal the one before.
    assert 2 < len(frames) <= 1 + -(-steps // rollouts.EVERY) + rollouts.FRAMES_PER_SECOND // 2
    assert frames.shape[1:] == (rollouts.SIZE, rollouts.SIZE, 3)
    assert len({frame.tobytes() for frame in frames}) > 2
    assert list(tmp_path.iterdir()) == [film]


def test_frames_are_of_the_episode_that_is_scored(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its start, its actions and its end, without a renderer."""
    taken: list[np.ndarray] = []
    step = EvaluationEnvironment.step

    def noted(self: EvaluationEnvironment, action: Any) -> Any:
        taken.append(np.array(action))
        return step(self, action)

    monkeypatch.setattr(EvaluationEnvironment, "step", noted)
    evaluate_run(run, "torch", 1)
    scored, taken = taken, []
    monkeypatch.setattr(EvaluationEnvironment, "frame", lambda self: np.zeros((20, 20, 3), np.uint8))
    (policy,) = rollouts.load_policies(rollouts.RunFolder.open(run), "torch", False)
    frames = rollouts.rollout(rollouts.RunFolder.open(run), policy, 0, 0)
    np.testing.assert_array_equal(np.array(taken), np.array(scored))
    assert len(frames) == 1 + -(-len(taken) // rollouts.EVERY) + rollouts.FRAMES_PER_SECOND // 2


def test_what_is_missing_is_one_line(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "RENDERERS", ("nothing", "osmesa_of_another_world"))
    with pytest.raises(RenderingError, match=r"nothing failed .*invalid value.*osmesa_of_another_world failed") as said:
        rollouts.render(run, tmp_path / "film.gif", 1, "torch", False, "latest")
    assert "\n" not in str(said.value)
    assert list(tmp_path.iterdir()) == []


def test_another_kind_of_file_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"ending in \.mp4 or \.gif, got 'film\.avi'"):
        rollouts.video_path(run, Path("film.avi"))
    monkeypatch.setattr(rollouts.importlib.util, "find_spec", lambda name: None)
    assert rollouts.video_path(run, None) == run / "rollouts.gif"
    with pytest.raises(UsageError, match="imageio-ffmpeg"):
        rollouts.video_path(run, Path("film.mp4"))


def test_a_renderer_that_mujoco_does_not_know_is_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess
    import sys

    line = [sys.executable, "-m", "veloq", "evaluate", str(run), "--episodes", "1", "--backend", "torch"]
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "invalid value for environment variable MUJOCO_GL" in done.stderr
