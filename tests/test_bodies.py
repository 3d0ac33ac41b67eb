"""Runs in OGBench's mazes with each of its bodies, on rows of uniform actions: points are in every other test."""

from pathlib import Path

import numpy as np
import pytest
from small_runs import quiet, small_settings

from veloq.training import train
from veloq.training.data.catalogue import find_task
from veloq.training.data.files import train_path, validation_path
from veloq.training.environments import EvaluationEnvironment

BODIES = ["antmaze-medium-navigate", "humanoidmaze-medium-navigate", "antsoccer-arena-navigate"]


@pytest.mark.parametrize("body", BODIES)
def test_a_run_shows_where_its_policy_went(body: str, tmp_path: Path) -> None:
    name = f"{body}-singletask-v0"
    written(tmp_path, name)
    settings = small_settings(tmp_path / "runs", tmp_path, env=name, method="bc", backend="torch")
    outcome = train.train(settings, quiet())
    assert outcome.title == "success rate"
    assert (outcome.run / "rollouts-method.png").read_bytes().startswith(b"\x89PNG")


def written(folder: Path, name: str) -> None:
    """Training and validation file of two episodes each."""
    environment, rng = EvaluationEnvironment(name), np.random.default_rng(0)
    data_set = find_task(name).data_set.name
    for path in (train_path(folder, data_set), validation_path(train_path(folder, data_set))):
        columns: dict[str, list[np.ndarray]] = {key: [] for key in ("observations", "actions", "qpos", "qvel")}
        for episode in range(2):
            observation = environment.reset(0, episode)
            for _ in range(20):
                action = rng.uniform(-1, 1, environment.action_size).astype(np.float32)
                state = environment.simulator.data
                for column, value in zip(
                    columns.values(), (observation, action, state.qpos.copy(), state.qvel.copy()), strict=True
                ):
                    column.append(np.asarray(value, np.float32))
                observation = environment.step(action).observation
        np.savez(path, terminals=np.arange(40) % 20 == 19, **{key: np.array(rows) for key, rows in columns.items()})
