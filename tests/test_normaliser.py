"""Normalised observations: in the data, online, in every policy of the run, and when it goes on."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import decision_noise, quiet, small_settings

from veloq.command import main
from veloq.core.engine import Engine
from veloq.core.errors import CheckpointError, UsageError
from veloq.training import checkpoint, train
from veloq.training.data import load_task
from veloq.training.environments import EvaluationEnvironment
from veloq.training.normaliser import RAW, Normaliser, from_description, measured
from veloq.training.policies import evaluate_run, load_policy
from veloq.training.run_folder import RunFolder
from veloq.training.task_data import load_task_data
from veloq.verification.assertions import assert_close

ONLINE: dict[str, Any] = {"updates": 4, "online": 5, "warmup": 2, "evaluate_every": 4, "observations": "normalised"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Four updates, then five steps online, of two seeds."""
    settings = small_settings(tmp_path_factory.mktemp("runs"), data, backend="torch", **ONLINE)
    return train.train(settings, quiet()).run


def normaliser_of(run: Path) -> Normaliser:
    return RunFolder.open(run).normaliser()


def test_rows_have_mean_zero_and_deviation_one(data: Path, tmp_path: Path) -> None:
    """But for the margin, which keeps a constant column finite."""
    settings = small_settings(tmp_path, data, observations="normalised")
    raw, rows = load_task(settings.env, data), load_task_data(settings, quiet(), 0)
    deviation = raw.observations.std(axis=0, dtype=np.float64)
    expected = (raw.observations - raw.observations.mean(axis=0, dtype=np.float64)) / (deviation + 1e-3)
    assert_close(rows.transitions.observations, expected, "reduction", "observations", "float32")
    assert_close(rows.transitions.next_observations[:5], expected[1:6], "reduction", "the row after", "float32")
    np.testing.assert_array_equal(rows.positions, raw.observations[:, :2])
    constant = measured(np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(constant(np.ones((3, 2))), np.zeros((3, 2)))


def test_raw_observations_stay_as_they_are(data: Path, tmp_path: Path) -> None:
    values = np.array([[1e-30, -0.0], [np.float32(1 / 3), 1e30]], np.float32)
    np.testing.assert_array_equal(RAW(values), values)
    rows = load_task_data(small_settings(tmp_path, data), quiet(), 0)
    np.testing.assert_array_equal(
        rows.transitions.observations, load_task(small_settings(tmp_path, data).env, data).observations
    )
    assert (rows.normaliser, RAW.described()) == (RAW, None)


def test_what_is_met_online_is_normalised(run: Path) -> None:
    """Played again from the stored actions."""
    found, environment = (
        checkpoint.load_latest(run).experience,
        EvaluationEnvironment(RunFolder.open(run).config["env"]),
    )
    assert found is not None
    normaliser = normaliser_of(run)
    for seed in range(2):
        observation = environment.reset(seed, 0, 3)
        for at in range(5):
            np.testing.assert_array_equal(found["rows/observations"][seed, at], normaliser(observation))
            observation = environment.step(found["rows/actions"][seed, at]).observation
            np.testing.assert_array_equal(found["rows/next_observations"][seed, at], normaliser(observation))


@pytest.mark.parametrize("backend", ["jax", "torch", "reference"])
def test_policies_take_observations_of_the_environment(run: Path, backend: str) -> None:
    """Those of the run as it trained, of the run loaded, and of an engine that is given normalised ones."""
    folder = RunFolder.open(run)
    algorithm, config = folder.method()
    settings = train.stored_settings(folder)
    rows = load_task_data(settings, quiet(), 0, normaliser_of(run))
    dimensions = train._dimensions(settings, rows)
    engine: Engine = train._engine(train.engine_class("torch"), settings, dimensions, rows)
    state = engine.restore(checkpoint.load_latest(run).state)
    observations = np.array([[1.0, 2.0], [9.0, -3.0], [20.0, 5.0]], np.float32)
    noise = decision_noise(algorithm, config, dimensions, (3,))
    seen = np.stack([normaliser_of(run)(observations)] * 2)
    expected = engine.act(state, seen, {name: np.stack([value] * 2) for name, value in noise.items()})[1]
    found = load_policy(run, backend, seed=1)(observations, noise)
    assert_close(found, expected, "network", "actions", "float32")
    assert np.abs(found - load_policy(run, backend, seed=1)(seen[0], noise)).max() > 1e-3


def test_evaluations_agree_with_training(run: Path, capsys: Any) -> None:
    records = [record for record in RunFolder.open(run).records() if record["kind"] == "evaluation"]
    last = [record for record in records if record["policy"] == "method"][-1]
    again = evaluate_run(run, "torch", 1)
    np.testing.assert_array_equal(again.returns.mean(axis=1), last["returns"])
    np.testing.assert_array_equal(again.lengths.mean(axis=1), last["lengths"])
    assert main(["evaluate", str(run), "--episodes", "1", "--backend", "torch"]) == 0
    assert "success rate" in capsys.readouterr().out


def test_a_run_goes_on_with_the_numbers_it_began_with(run: Path, tmp_path: Path, data: Path) -> None:
    """They are exact in config.json, and a longer run is the continuation of a shorter one."""
    own, measured_again = normaliser_of(run), measured(load_task(RunFolder.open(run).config["env"], data).observations)
    np.testing.assert_array_equal(own.mean, measured_again.mean)
    np.testing.assert_array_equal(own.scale, measured_again.scale)
    whole = train.train(small_settings(tmp_path, data, backend="torch", **(ONLINE | {"online": 8})), quiet()).run
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    train.resume(copy, quiet(), online=8)
    mine, other = checkpoint.load_latest(copy), checkpoint.load_latest(whole)
    for name, value in other.state.items():
        np.testing.assert_array_equal(mine.state[name], value, err_msg=name)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"mean": [0.0, 0.0]},
        {"mean": [0.0], "scale": [1.0]},
        {"mean": [0.0, "0"], "scale": [1.0, 1.0]},
        {"mean": [0.0, 0.0], "scale": [1.0, 0.0]},
        {"mean": [0.0, float("nan")], "scale": [1.0, 1.0]},
        {"mean": [0.0, 0.0], "scale": [1.0, True]},
        {"mean": [0.0, 1e300], "scale": [1.0, 1.0]},
    ],
)
def test_damaged_numbers_are_refused(run: Path, tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ValueError, match="normaliser: expected"):
        from_description(wrong, 2)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"normaliser": wrong}))
    with pytest.raises(CheckpointError):
        load_policy(copy)


def test_numbers_that_were_taken_away_are_missed(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    with pytest.raises(CheckpointError, match="normaliser: lost"):
        RunFolder(run, config | {"normaliser": None}).normaliser()
    with pytest.raises(CheckpointError, match="normaliser: raw observations have none"):
        RunFolder(run, config | {"observations": "raw"}).normaliser()


def test_other_words_are_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="unknown observations 'normal'"):
        train.train(small_settings(tmp_path, data, observations="normal"), quiet())
