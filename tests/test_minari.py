"""Minari's data sets by name and by folder: the transitions of their episodes, training on them, and bad files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bad_files import minari_episodes, stored_minari
from small_runs import quiet, small_settings

from veloq.command import main
from veloq.core.errors import DataError
from veloq.training import train
from veloq.training.data.d4rl_scores import normalized_score
from veloq.training.data.gymnasium_tasks import find_gymnasium_task
from veloq.training.data.minari import MAIN_FILE, load_minari, minari_directory
from veloq.training.data.transitions import ACTION_LIMIT
from veloq.training.environments import EvaluationEnvironment
from veloq.training.measures import RETURN, SCORE, measure_of

NAME = "mujoco/hopper/medium-v0"


def test_transitions_are_those_of_the_episodes(tmp_path: Path) -> None:
    episodes = minari_episodes(steps=(3, 1, 7, 2))
    rows = load_minari(stored_minari(tmp_path, episodes))
    row = 0
    for episode in episodes:
        steps = len(episode["rewards"])
        for step in range(steps):
            np.testing.assert_array_equal(rows.observations[row], episode["observations"][step].astype(np.float32))
            np.testing.assert_array_equal(
                rows.next_observations[row], episode["observations"][step + 1].astype(np.float32)
            )
            clipped = np.clip(episode["actions"][step].astype(np.float32), -ACTION_LIMIT, ACTION_LIMIT)
            np.testing.assert_array_equal(rows.actions[row], clipped.astype(np.float32))
            assert rows.rewards[row] == np.float32(episode["rewards"][step])
            assert rows.masks[row] == float(not episode["terminations"][step])
            assert rows.terminals[row] == float(step == steps - 1)
            row += 1
    assert row == len(rows)
    assert rows.episodes()[0].tolist() == [len(episode["rewards"]) for episode in episodes]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_by_name(tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained on rows of gymnasium's Hopper, evaluated in it, resumed and judged by its return."""
    stored_minari(tmp_path / NAME, collected())
    runs = tmp_path / "runs"
    settings = small_settings(runs, tmp_path, env=NAME, backend=backend, method="bc", config={"chunk": 1}, episodes=2)
    outcome = train.train(settings, quiet())
    assert outcome.run.parent == runs
    assert outcome.title == "return"
    config = json.loads((outcome.run / "config.json").read_text())
    assert config["data_origin"] == "Minari data set medium-v0"
    assert Path(config["data_directory"]) == tmp_path
    assert len(config["data_sha256"]) == 64
    assert train.resume(outcome.run, quiet()).success == outcome.success
    assert main(["evaluate", str(outcome.run), "--episodes", "2", "--backend", backend]) == 0
    assert capsys.readouterr().out.startswith("return ")


def collected() -> list[dict[str, np.ndarray]]:
    rng, environment = np.random.default_rng(0), EvaluationEnvironment(NAME)
    episodes = []
    for number in range(4):
        observations, met = [environment.reset(0, number)], None
        rows: dict[str, list[Any]] = {key: [] for key in ("actions", "rewards", "terminations", "truncations")}
        while met is None or not met.done:
            action = rng.uniform(-1, 1, 3).astype(np.float32)
            met = environment.step(action)
            observations.append(met.observation)
            for key, value in zip(rows, (action, met.reward, met.terminated, met.truncated), strict=True):
                rows[key].append(value)
        episodes.append({"observations": np.array(observations), **{k: np.array(v) for k, v in rows.items()}})
    return episodes


def test_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hopper, pen = find_gymnasium_task(NAME), find_gymnasium_task("D4RL/pen/human-v2")
    assert hopper is not None
    assert pen is not None
    assert (hopper.environment, pen.environment) == ("Hopper-v5", "AdroitHandPen-v1")
    assert pen.settings == {"max_episode_steps": 100}
    assert (measure_of(hopper.name), measure_of(pen.name)) == (RETURN, SCORE)
    np.testing.assert_array_equal(normalized_score(pen.name, [100.0]), normalized_score("pen-human-v1", [100.0]))
    for name in ("mujoco/ant/medium-v0", "D4RL/antmaze/umaze-v1", "D4RL/pen/human-v1", "mujoco/hopper/medium"):
        assert find_gymnasium_task(name) is None
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    assert minari_directory() == Path.home() / ".minari" / "datasets"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert hopper.directory(None) == tmp_path
    assert hopper.directory(tmp_path / "given") == tmp_path / "given"


def test_check_and_info(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stored_minari(tmp_path / NAME, minari_episodes())
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert main(["data", "check", str(folder)]) == 0
    assert main(["data", "info", NAME]) == 0
    assert "those of the file" in capsys.readouterr().out
    faulty = minari_episodes()
    faulty[1]["actions"][0] = 3
    assert main(["data", "check", str(stored_minari(folder, faulty))]) == 1
    assert "outside [-1, 1]" in capsys.readouterr().out
    faulty[1]["rewards"][0] = np.nan
    with pytest.raises(DataError, match=r"main_data\.hdf5: rewards: NaN"):
        load_minari(stored_minari(folder, faulty))


def test_a_dictionary_of_one_array_is_that_array(tmp_path: Path) -> None:
    """As the kitchen's: the goals beside it are dictionaries themselves."""
    episodes = minari_episodes()
    plain = load_minari(stored_minari(tmp_path / "plain", episodes))
    for episode in episodes:
        episode["observations/observation"] = episode.pop("observations")
        for goal in ("achieved_goal", "desired_goal"):
            episode[f"observations/{goal}/kettle"] = np.zeros((len(episode["rewards"]) + 1, 7))
    nested = load_minari(stored_minari(tmp_path / "nested", episodes))
    np.testing.assert_array_equal(nested.observations, plain.observations)
    np.testing.assert_array_equal(nested.next_observations, plain.next_observations)
    episodes[0]["observations/achieved_goal"] = np.zeros((6, 2))
    del episodes[0]["observations/achieved_goal/kettle"]
    with pytest.raises(DataError, match="a dictionary of one: it holds achieved_goal, observation"):
        load_minari(stored_minari(tmp_path / "maze", episodes))


def replaced(file: h5py.File, name: str, content: Any) -> None:
    del file[name]
    if isinstance(content, dict):
        file.create_group(name)
    else:
        file[name] = content


FAULTS: dict[str, Callable[[h5py.File], Any]] = {
    "episode_1: missing": lambda file: file.move("episode_1", "episode_7"),
    "no group episode_0": lambda file: file.clear(),
    "episode_0: missing, a link": lambda file: replaced(file, "episode_0", h5py.SoftLink("/episode_1")),
    "episode_2/rewards: missing": lambda file: file.__delitem__("episode_2/rewards"),
    r"episode_2/actions: shape \(1, 2\), expected 4 rows": lambda file: replaced(
        file, "episode_2/actions", np.ones((1, 2))
    ),
    "episode_2/observations: not an array, nor a dictionary of one: it holds a": lambda file: replaced(
        file, "episode_2/observations", file["episode_1"]
    ),
    "episode_2/observations: missing, or a link": lambda file: replaced(
        file, "episode_2/observations", h5py.SoftLink("/episode_1/actions")
    ),
    "not an array, nor a dictionary of one: it holds none": lambda file: replaced(file, "episode_2/observations", {}),
    "episode_2: no step": lambda file: replaced(file, "episode_2/rewards", np.ones(0)),
    "dimension": lambda file: replaced(file, "episode_2/observations", np.ones((5, 9))),
}


@pytest.mark.parametrize("reason", FAULTS)
def test_bad_files(reason: str, tmp_path: Path) -> None:
    folder = stored_minari(tmp_path, minari_episodes(steps=(4, 4, 4)))
    with h5py.File(folder / MAIN_FILE, "a") as file:
        FAULTS[reason](file)
    with pytest.raises(DataError, match=f"damaged, .*{reason}"):
        load_minari(folder)


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data file; `minari download"):
        load_minari(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="only the HDF5 format"):
        load_minari(tmp_path)
