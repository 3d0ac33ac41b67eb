"""Training on D4RL's files, evaluated where its environments live on, reported as normalised scores."""

import itertools
import json
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
import pytest
from small_runs import quiet, small_settings

from veloq.command import main
from veloq.core.errors import DataError, UsageError
from veloq.training import train
from veloq.training.data.d4rl import load_d4rl
from veloq.training.data.d4rl_scores import normalized_score
from veloq.training.data.gymnasium_tasks import find_gymnasium_task
from veloq.training.data.rewards import labelling, sparse
from veloq.training.environments import EvaluationEnvironment
from veloq.training.run_folder import RunFolder
from veloq.verification.assertions import assert_close

NAME = "hopper-medium-v2"


@pytest.fixture(scope="module")
def hopper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Episodes of random actions, collected here, in the layout of D4RL's file."""
    folder, rng = tmp_path_factory.mktemp("d4rl"), np.random.default_rng(0)
    environment = EvaluationEnvironment(NAME)
    rows: dict[str, list[Any]] = {key: [] for key in ("observations", "actions", "rewards", "terminals", "timeouts")}
    for episode in range(6):
        observation, done = environment.reset(0, episode), False
        while not done:
            action = rng.uniform(-1, 1, 3).astype(np.float32)
            met = environment.step(action)
            for key, value in zip(rows, (observation, action, met.reward, met.terminated, met.truncated), strict=True):
                rows[key].append(value)
            observation, done = met.observation, met.done
    with h5py.File(folder / f"{NAME}.hdf5", "w") as file:
        for key, column in rows.items():
            file[key] = np.array(column)
    return folder


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_is_judged_by_its_normalised_score(hopper: Path, tmp_path: Path, backend: str, capsys: Any) -> None:
    settings = small_settings(tmp_path, hopper, env=NAME, backend=backend, method="bc", config={"chunk": 1}, episodes=2)
    outcome = train.train(settings, quiet())
    records = [r for r in RunFolder.open(outcome.run).records() if r["kind"] == "evaluation"]
    for record in records:
        np.testing.assert_array_equal(record["score"], normalized_score(NAME, record["returns"]))
    assert outcome.success == tuple(records[-1]["score"])
    assert outcome.title == "normalised score"
    assert "Normalised score" in (outcome.run / "report.html").read_text()
    config = json.loads((outcome.run / "config.json").read_text())
    assert config["data_origin"] == f"D4RL file {NAME}.hdf5, found in place"
    assert main(["evaluate", str(outcome.run), "--episodes", "2", "--backend", backend]) == 0
    said = capsys.readouterr().out
    assert said.startswith("normalised score ")
    assert f"{records[-1]['score'][0]:.2f}" in said


def test_rewards_by_source(hopper: Path) -> None:
    raw = load_d4rl(hopper / f"{NAME}.hdf5")
    returns = [sum(raw.rewards[begin:end]) for begin, end in episodes(raw.terminals)]
    scaled = (raw.rewards * (1000 / (max(returns) - min(returns)))).astype(np.float32)
    for source in ("iql", "bdpo"):
        found = labelling(source, "locomotion", raw)(raw.rewards)
        assert_close(found, scaled, "reduction", source, "float32")
    standardised = labelling("dql", "pen", raw)(raw.rewards)
    assert_close(standardised, (raw.rewards - raw.rewards.mean()) / raw.rewards.std(), "reduction", "pen", "float32")
    for source, family in (("raw", "antmaze"), ("dql", "locomotion"), ("iql", "pen"), ("bdpo", "kitchen")):
        np.testing.assert_array_equal(labelling(source, family, raw)(raw.rewards), raw.rewards)
    for source, two in (("iql", [-1.0, 0.0]), ("dql", [-2.0, 2.0]), ("bdpo", [0.0, 100.0])):
        assert labelling(source, "antmaze", raw)([0.0, 1.0]).tolist() == two
    with pytest.raises(UsageError, match="sparse is a choice of OGBench"):
        labelling("sparse", "locomotion", raw)


def episodes(terminals: np.ndarray) -> list[tuple[int, int]]:
    return list(itertools.pairwise([0, *(np.flatnonzero(terminals) + 1)]))


def test_names_and_environments() -> None:
    for name in (NAME, "halfcheetah-medium-expert-v2", "walker2d-full-replay-v2"):
        task = find_gymnasium_task(name)
        assert task is not None
        assert task.environment in gymnasium.registry
        assert task.environment.replace("v4", "v2") in task.remark
    pen = find_gymnasium_task("pen-human-v1")
    assert pen is not None
    assert (pen.environment, pen.settings) == ("AdroitHandPen-v1", {"max_episode_steps": 100})
    for name in ("hopper-medium-v0", "antmaze-umaze-v1", "kitchen-mixed-v1", "hopper-medium"):
        assert find_gymnasium_task(name) is None


def test_what_cannot_be_is_one_line(hopper: Path, tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match=r"walker2d-medium-v2\.hdf5: no such data file"):
        train.train(small_settings(tmp_path, hopper, env="walker2d-medium-v2"), quiet())
    with pytest.raises(UsageError, match="iql is a choice of D4RL"):
        train.train(small_settings(tmp_path, data, rewards="iql"), quiet())
    assert not list(tmp_path.iterdir())


def test_sparse_rewards_are_those_of_qam(tmp_path: Path, data: Path) -> None:
    settings = small_settings(tmp_path, data, method="bc", backend="torch", rewards="sparse", seeds=(0,))
    run = train.train(settings, quiet()).run
    assert json.loads((run / "config.json").read_text())["data_origin"].endswith("sparse rewards")
    found = sparse(np.array([-4.0, -1.0, 0.0], np.float32))
    assert (found.tolist(), found.dtype) == ([-1.0, -1.0, 0.0], np.float32)
