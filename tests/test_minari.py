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
from veloq.training.data.gymnasium_tasks import GYMNASIUM_TASKS, find_gymnasium_task
from veloq.training.data.minari import MAIN_FILE, load_minari, minari_directory
from veloq.training.data.transitions import ACTION_LIMIT
from veloq.training.environments import EvaluationEnvironment
from veloq.training.measures import RETURN, SCORE, measure_of

NAME = "mujoco/hopper/medium-v0"
MAZE = "D4RL/pointmaze/umaze-v2"


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
@pytest.mark.parametrize("name", [NAME, MAZE])
def test_a_run_by_name(tmp_path: Path, name: str, backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained on rows of gymnasium's environment, evaluated in it, resumed and judged by its return."""
    stored_minari(tmp_path / name, collected(name))
    runs = tmp_path / "runs"
    settings = small_settings(runs, tmp_path, env=name, backend=backend, method="bc", config={"chunk": 1}, episodes=2)
    outcome = train.train(settings, quiet())
    assert outcome.run.parent == runs
    assert outcome.title == "return"
    config = json.loads((outcome.run / "config.json").read_text())
    assert config["data_origin"] == f"Minari data set {name.split('/')[-1]}"
    assert Path(config["data_directory"]) == tmp_path
    assert len(config["data_sha256"]) == 64
    assert train.resume(outcome.run, quiet()).success == outcome.success
    assert main(["evaluate", str(outcome.run), "--episodes", "2", "--backend", backend]) == 0
    assert capsys.readouterr().out.startswith("return ")


def collected(name: str) -> list[dict[str, np.ndarray]]:
    """Four episodes of uniform actions, observations with goals in arrays of their own."""
    rng, environment = np.random.default_rng(0), EvaluationEnvironment(name)
    episodes = []
    for number in range(4):
        observations, met = [environment.reset(0, number)], None
        rows: dict[str, list[Any]] = {key: [] for key in ("actions", "rewards", "terminations", "truncations")}
        while met is None or not met.done:
            action = rng.uniform(-1, 1, environment.action_size).astype(np.float32)
            met = environment.step(action)
            observations.append(met.observation)
            for key, value in zip(rows, (action, met.reward, met.terminated, met.truncated), strict=True):
                rows[key].append(value)
        shown = {"observations": np.array(observations)}
        if name == MAZE:
            parts = np.split(shown["observations"], [2, 4], axis=1)
            names = ("achieved_goal", "desired_goal", "observation")
            shown = {f"observations/{part}": column for part, column in zip(names, parts, strict=True)}
        episodes.append({**shown, **{k: np.array(v) for k, v in rows.items()}})
    return episodes


def test_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hopper, pen = find_gymnasium_task(NAME), find_gymnasium_task("D4RL/pen/human-v2")
    assert hopper is not None
    assert pen is not None
    assert (hopper.environment, pen.environment) == ("Hopper-v5", "AdroitHandPen-v1")
    assert pen.settings == {"max_episode_steps": 100}
    assert (measure_of(hopper.name), measure_of(pen.name)) == (RETURN, SCORE)
    np.testing.assert_array_equal(normalized_score(pen.name, [100.0]), normalized_score("pen-human-v1", [100.0]))
    for name in ("mujoco/ant/medium-v0", "D4RL/antmaze/umaze-v0", "D4RL/pen/human-v1", "mujoco/hopper/medium"):
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


def test_dictionaries_of_arrays_stand_side_by_side(tmp_path: Path) -> None:
    """By name, as gymnasium flattens them; goals that are dictionaries themselves, as the kitchen's, are left out."""
    episodes = minari_episodes()
    plain = load_minari(stored_minari(tmp_path / "plain", episodes))
    for episode in episodes:
        episode["observations/observation"] = episode.pop("observations")
        for goal in ("achieved_goal", "desired_goal"):
            episode[f"observations/{goal}/kettle"] = np.zeros((len(episode["rewards"]) + 1, 7))
    nested = load_minari(stored_minari(tmp_path / "nested", episodes))
    np.testing.assert_array_equal(nested.observations, plain.observations)
    np.testing.assert_array_equal(nested.next_observations, plain.next_observations)
    for number, episode in enumerate(episodes):
        for goal, value in (("achieved_goal", number), ("desired_goal", -number)):
            del episode[f"observations/{goal}/kettle"]
            episode[f"observations/{goal}"] = np.full((len(episode["rewards"]) + 1, 2), value, np.float32)
    maze = load_minari(stored_minari(tmp_path / "maze", episodes))
    goals = np.repeat([0, 1, 2], plain.episodes()[0])[:, None] * [1, 1, -1, -1]
    np.testing.assert_array_equal(maze.observations, np.concatenate([goals, plain.observations], axis=1))
    np.testing.assert_array_equal(maze.next_observations, np.concatenate([goals, plain.next_observations], axis=1))


GOAL_TASKS = [name for name, task in GYMNASIUM_TASKS.items() if task.minari and task.family in ("pointmaze", "antmaze")]


@pytest.mark.parametrize("name", GOAL_TASKS)
def test_mazes_pay_at_their_goal_and_go_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One goal in the same cell in all episodes, a reward for every step there, and no end of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = EvaluationEnvironment(name)
    assert not list(tmp_path.iterdir()), "the model's scratch file stayed"
    simulator, still = environment.simulator, np.zeros(environment.action_size)
    point = "pointmaze" in name
    assert environment.sizes() == ((8, 2) if point else (31, 8))
    scale = 1 if point else 4
    starts, goals = [], []
    for episode in range(8):
        achieved, desired = np.split(environment.reset(0, episode)[:4], 2)
        starts.append(simulator.maze.cell_xy_to_rowcol(achieved))
        goals.append(simulator.maze.cell_xy_to_rowcol(desired))
        assert np.linalg.norm(achieved - desired) > 0.5 * scale
    assert (len(np.unique(goals, axis=0)), len(np.unique(starts, axis=0)) > 1) == (1, point)
    inner = simulator.point_env if point else simulator.ant_env
    place = inner.data.qpos.copy()
    place[:2] = simulator.goal
    inner.set_state(place, np.zeros_like(inner.data.qvel))
    met = [environment.step(still) for _ in range(3)]
    assert all(step.success and not step.done for step in met)
    distances = [np.linalg.norm(step.observation[:2] - step.observation[2:4]) for step in met]
    expected = np.exp(-np.array(distances)) if "dense" in name else np.ones(3)
    assert [step.reward for step in met] == pytest.approx(expected.tolist(), rel=1e-6)


def test_the_smallest_ant_maze_is_that_of_its_data() -> None:
    """Minari's evaluation puts the corridor on the left; its data was collected with the corridor on the right."""
    environment = EvaluationEnvironment("D4RL/antmaze/umaze-v1")
    achieved, desired = np.split(environment.reset(0, 0)[:4], 2)
    maze = environment.simulator.maze
    assert [maze.maze_map[2][1], maze.maze_map[2][3]] == [1, 0]
    assert maze.cell_xy_to_rowcol(achieved).tolist() == [3, 1]
    assert maze.cell_xy_to_rowcol(desired).tolist() == [1, 1]


def replaced(file: h5py.File, name: str, content: Any) -> None:
    del file[name]
    if isinstance(content, dict):
        file.create_group(name)
    else:
        file[name] = content


def replaced_by_group(file: h5py.File, name: str, **contents: Any) -> None:
    replaced(file, name, {})
    for part, content in contents.items():
        file[name][part] = content


FAULTS: dict[str, Callable[[h5py.File], Any]] = {
    "episode_1: missing": lambda file: file.move("episode_1", "episode_7"),
    "no group episode_0": lambda file: file.clear(),
    "episode_0: missing, a link": lambda file: replaced(file, "episode_0", h5py.SoftLink("/episode_1")),
    "episode_2/rewards: missing": lambda file: file.__delitem__("episode_2/rewards"),
    r"episode_2/actions: shape \(1, 2\), expected 4 rows": lambda file: replaced(
        file, "episode_2/actions", np.ones((1, 2))
    ),
    r"episode_2/observations/actions: shape \(4, 2\), expected 5 rows": lambda file: replaced(
        file, "episode_2/observations", file["episode_1"]
    ),
    "episode_2/observations/goal: missing, or a link": lambda file: replaced_by_group(
        file, "episode_2/observations", goal=h5py.SoftLink("/episode_1/observations")
    ),
    "not the same arrays in every episode": lambda file: replaced_by_group(
        file, "episode_2/observations", goal=np.ones((5, 3))
    ),
    "episode_2/observations: missing, or a link": lambda file: replaced(
        file, "episode_2/observations", h5py.SoftLink("/episode_1/actions")
    ),
    "episode_2/observations: neither an array nor a dictionary of arrays": lambda file: replaced(
        file, "episode_2/observations", {}
    ),
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
