"""Online fine-tuning: what is met is learned from, when updates begin, and what a resumed run plays again."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import quiet, small_settings

from veloq.core.errors import CheckpointError, UsageError
from veloq.training import checkpoint, train
from veloq.training.environments import EvaluationEnvironment
from veloq.training.run_folder import RunFolder

SMALL: dict[str, Any] = {"updates": 2, "online": 9, "warmup": 4, "utd": 2, "evaluate_every": 100, "dispatch": 3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """The run of two seeds, two updates on data, then nine steps online."""
    settings = small_settings(tmp_path_factory.mktemp("runs"), data, backend="torch", **SMALL)
    return train.train(settings, quiet()).run


def met(run: Path) -> dict[str, np.ndarray]:
    experience = checkpoint.load_latest(run).experience
    assert experience is not None
    return experience


def test_updates_begin_after_the_warmup_and_are_counted(finished: Path) -> None:
    found = checkpoint.load_latest(finished)
    assert found.step == 2 + 9
    assert found.state["step"] == found.progress["updates"] == 2 + 2 * (9 - 4)
    records = [record for record in RunFolder.open(finished).records() if record["kind"] == "training"]
    assert [record["step"] for record in records] == [2, 3, 6, 9, 11]
    assert [bool(record["metrics"]) for record in records] == [True, False, False, True, True]
    assert records[-1]["online"] == {"episodes": [0, 0], "returns": [None, None], "success": [None, None]}


def test_both_ends_are_evaluated(finished: Path) -> None:
    records = [record for record in RunFolder.open(finished).records() if record["kind"] == "evaluation"]
    assert [(record["step"], record["policy"]) for record in records] == [
        (step, policy) for step in (2, 11) for policy in ("method", "behaviour")
    ]


def test_experience_is_what_the_environment_gave(finished: Path) -> None:
    """Played again by hand from the stored actions, for each seed in its own episodes."""
    found, environment = met(finished), EvaluationEnvironment(RunFolder.open(finished).config["env"])
    for seed in range(2):
        observation = environment.reset(seed, 0, 3)
        for at in range(9):
            step = environment.step(found["rows/actions"][seed, at])
            for name, value in (
                ("observations", observation),
                ("next_observations", step.observation),
                ("rewards", step.reward),
                ("masks", float(not step.terminated)),
                ("terminals", float(step.done)),
            ):
                np.testing.assert_array_equal(found[f"rows/{name}"][seed, at], value, err_msg=name)
            observation = step.observation
    assert not np.array_equal(found["rows/observations"][0], found["rows/observations"][1])
    assert found["queued"].tolist() == [1, 1]  # nine steps by chunks of two


def test_an_episode_that_ends_begins_another(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment whose episodes are cut after three steps: terminals without masks, a chunk that is dropped."""
    step, counts = EvaluationEnvironment.step, {}

    def cut(self: EvaluationEnvironment, action: Any) -> Any:
        counts[self] = counts.get(self, 0) + 1
        return step(self, action)._replace(truncated=counts[self] % 3 == 0)

    monkeypatch.setattr(EvaluationEnvironment, "step", cut)
    settings = small_settings(tmp_path, data, backend="torch", seeds=(0,), **SMALL)
    found = met(train.train(dataclasses.replace(settings, updates=0, evaluate_every=9), quiet()).run)
    assert found["rows/terminals"][0].tolist() == [0, 0, 1] * 3
    assert found["rows/masks"][0].tolist() == [1] * 9
    assert (found["episode"][0], found["length"][0], found["queued"][0]) == (3, 0, 0)
    starts = found["rows/observations"][0, ::3]
    assert len(np.unique(starts, axis=0)) == 3
    assert not np.array_equal(found["rows/next_observations"][0, 2], starts[1])


def test_rlpd_begins_with_uniform_actions_and_no_updates_on_data(tmp_path: Path, data: Path) -> None:
    sizes = SMALL | {"updates": 0, "online": 60, "warmup": 50, "dispatch": 20}
    settings = small_settings(tmp_path, data, backend="torch", method="rlpd", seeds=(0,), **sizes)
    run = train.train(settings, quiet()).run
    actions = met(run)["rows/actions"][0, :50]
    # Of uniform actions about a twentieth lie in the outermost twentieth; of a fresh tanh Gaussian hardly one does.
    assert np.abs(actions).max() > 0.95
    assert abs(np.abs(actions).mean() - 0.5) < 0.1
    assert checkpoint.load_latest(run).state["step"] == 2 * 10


def test_a_simulator_that_does_not_repeat_itself_is_told(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = EvaluationEnvironment.step
    monkeypatch.setattr(
        EvaluationEnvironment,
        "step",
        lambda self, action: step(self, action)._replace(observation=np.zeros(2, np.float32)),
    )
    with pytest.raises(CheckpointError, match="does not repeat episode 0 of seed 0: it differs from step 0 on"):
        train.resume(finished, quiet(), online=12)


def test_a_longer_online_run_is_the_continuation(finished: Path, tmp_path: Path, data: Path) -> None:
    longer = small_settings(tmp_path, data, backend="torch", **(SMALL | {"online": 14}))
    whole = met(train.train(longer, quiet()).run)
    train.resume(finished, quiet(), online=14)
    for name, value in met(finished).items():
        np.testing.assert_array_equal(value, whole[name], err_msg=name)
    with pytest.raises(UsageError, match="already online"):
        train.resume(finished, quiet(), updates=4, online=14)
    with pytest.raises(UsageError, match="already at step 16"):
        train.resume(finished, quiet(), online=9)


@pytest.mark.parametrize("damage", ["rows/rewards", "queued", "episode", "missing", "dtype"])
def test_damaged_experience_is_refused(finished: Path, tmp_path: Path, damage: str) -> None:
    newest = checkpoint.load_latest(finished)
    changed = dict(newest.experience or {})
    if damage == "missing":
        del changed["decision"]
    elif damage == "dtype":
        changed["queue"] = changed["queue"].astype(np.float64)
    elif damage == "queued":
        changed["queued"] = np.full_like(changed["queued"], 7)
    else:
        changed[damage] = changed[damage][:1] if damage.startswith("rows") else -1 - changed[damage]
    checkpoint.save(finished, dataclasses.replace(newest, experience=changed))
    try:
        with pytest.raises(CheckpointError, match="experience is damaged"):
            train.resume(finished, quiet(), online=20)
    finally:
        checkpoint.save(finished, newest)


@pytest.mark.parametrize("wrong", [{"online": -1}, {"warmup": -1}, {"utd": 0}, {"online": 0, "updates": 0}])
def test_numbers_out_of_range(wrong: dict[str, int], tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong if "updates" not in wrong else {"updates": 0}))):
        train.train(small_settings(tmp_path, data, **(SMALL | wrong)), quiet())
    assert not list(tmp_path.iterdir())
