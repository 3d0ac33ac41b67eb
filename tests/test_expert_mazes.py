"""Ant and humanoid mazes: an expert trained online, and data collected with it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from small_runs import quiet, small_settings

from veloq.command import main
from veloq.core.errors import DataError, UsageError
from veloq.training import checkpoint, train
from veloq.training.data import download as download_module
from veloq.training.data import expert_mazes, load_task, make
from veloq.training.data.catalogue import find_data_set
from veloq.training.data.expert_tasks import uniform_rows
from veloq.training.data.files import read_columns
from veloq.training.directed_bodies import INTERVAL
from veloq.training.environments import EvaluationEnvironment
from veloq.training.policies import evaluate_run

NAME = "antmaze-medium-navigate-v0"
HUMANOID = "humanoidmaze-medium-stitch-v0"
SMALL: dict[str, Any] = {"method": "rlpd", "backend": "torch", "updates": 0, "seeds": (0,)}


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Six steps of training: it knows nothing, but acts."""
    return trained("ant-xy", tmp_path_factory.mktemp("runs"), data)


def trained(env: str, folder: Path, data: Path) -> Path:
    sizes = {"online": 6, "warmup": 0, "dispatch": 3, "evaluate_every": 100, "config": {"chunk": 1}}
    return train.train(small_settings(folder, data, env=env, **SMALL, **sizes), quiet()).run


def test_the_ant_is_told_directions_by_its_seed_alone() -> None:
    """The way walked along them is the reward."""
    first, second = EvaluationEnvironment("ant-xy"), EvaluationEnvironment("ant-xy")
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(first.reset(3, 4), second.reset(3, 4))
    action, told = np.full(8, 0.3, np.float32), []
    for at in range(2 * INTERVAL):
        before = np.array(first.simulator.data.qpos[:2])
        met = first.step(action)
        np.random.standard_normal(at % 3)  # noqa: NPY002
        np.testing.assert_array_equal(met.observation, second.step(action).observation)
        told.append(met.observation[-2:])
        if at % INTERVAL != INTERVAL - 1:
            walked = np.array(first.simulator.data.qpos[:2]) - before
            assert abs(met.reward - float(walked @ told[-1].astype(np.float64))) < 1e-6
        if met.done:
            pytest.fail("the ant fell over in the first episodes of this test")
    assert len(np.unique(told, axis=0)) == 3
    assert np.abs(np.linalg.norm(told, axis=1) - 1).max() < 1e-6


def test_the_humanoid_is_paid_as_ogbenchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their wrapper on our states and directions gives the same rewards, standing, bent and on the ground."""
    from ogbench.online_locomotion.wrappers import DMCHumanoidXYWrapper

    environment = EvaluationEnvironment("humanoid-xy")
    environment.reset(0, 0)
    simulator = environment.simulator
    theirs = DMCHumanoidXYWrapper(simulator)
    rng, paid = np.random.default_rng(0), []
    for height in (1.5, 1.5, 1.2, 0.3):
        environment.reset(0, 0)
        place = simulator.data.qpos.copy()
        place[2:7] = [height, 1.0, 0.0, 0.2 * rng.standard_normal(), 0.0]
        speed = rng.standard_normal(simulator.data.qvel.shape)
        action = rng.uniform(-1, 1, 21).astype(np.float32)
        simulator.set_state(place, speed)
        met = environment.step(action)
        simulator.set_state(place, speed)
        theirs.z, theirs.num_steps = met.observation[-2:].astype(np.float64), 0
        paid.append((met.reward, float(theirs.step(action)[1])))
    ours, expected = np.array(paid).T
    assert np.abs(ours - expected).max() < 1e-4
    assert np.ptp(expected) > 0.5


def test_an_expert_begins_with_uniform_actions() -> None:
    rows, again = uniform_rows("ant-xy", 300), uniform_rows("ant-xy", 300)
    np.testing.assert_array_equal(rows.observations, again.observations)
    assert rows.observations.shape == (300, 29)
    assert 0.4 < np.abs(rows.actions).mean() < 0.6
    assert rows.terminals[-1] == 1
    follows = rows.terminals[:-1] == 0
    np.testing.assert_array_equal(rows.observations[1:][follows], rows.next_observations[:-1][follows])


def test_an_expert_is_judged_by_its_return(expert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = checkpoint.load_latest(expert)
    assert found.state["step"] == 6
    assert found.experience is not None
    assert found.experience["rows/observations"].shape == (1, 6, 29)
    records = [json.loads(line) for line in (expert / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["measure"] == "returns"
    assert "Return" in (expert / "report.html").read_text()
    assert main(["evaluate", str(expert), "--episodes", "1", "--backend", "torch"]) == 0
    said = capsys.readouterr().out.split()
    assert said[0] == "return"
    assert float(said[1]) == round(evaluate_run(expert, "torch", 1).returns.mean(), 3) != 0.0


@pytest.mark.slow
def test_data_is_collected_with_it(expert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(NAME, 1000, workers=1, directory=tmp_path / "a", source="regenerate", expert=expert)
    columns = read_columns(path)
    assert columns["observations"].shape == (1001, 29)
    np.testing.assert_array_equal(columns["observations"][:, :2], columns["qpos"][:, :2])
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest["expert"] == expert_mazes.described(expert, "antmaze")
    assert load_task(NAME.replace("-v0", "-singletask-v0"), path.parent).origin.startswith("regenerated")
    again = make(NAME, 1000, workers=2, directory=tmp_path / "b", source="regenerate", expert=expert)
    np.testing.assert_array_equal(read_columns(again)["actions"], columns["actions"])


@pytest.mark.slow
def test_a_humanoid_collects_too(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an expert of one's own alone: the package has none."""
    humanoid = trained("humanoid-xy", tmp_path / "runs", data)
    path = make(HUMANOID, 400, workers=1, directory=tmp_path, source="regenerate", expert=humanoid)
    columns = read_columns(path)
    assert columns["observations"].shape == (401, 69)
    assert json.loads(path.with_suffix(".json").read_text())["expert"]["run"] == humanoid.name
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [])
    for source in ("auto", "official", "regenerate"):
        with pytest.raises(DataError, match="an expert of one's own: --expert RUN"):
            make(HUMANOID, 400, directory=tmp_path / "none", source=source)
    with pytest.raises(UsageError, match="was trained on humanoid-xy, expected ant-xy"):
        make(NAME, 1000, directory=tmp_path / "c", source="regenerate", expert=humanoid)
    assert not (tmp_path / "c").exists()


def test_the_expert_sees_where_to_go_and_gets_the_protocols_noise(
    expert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = expert_mazes.ExpertMazeCollector(find_data_set(NAME), expert)
    collector._env.reset(seed=0)
    seen: list[np.ndarray] = []
    collector._policy = lambda s, noise: seen.append(s) or np.full(8, 0.9)  # type: ignore[func-returns-value]
    np.random.seed(0)  # noqa: NPY002
    actions = np.array([collector._action(np.arange(29.0)) for _ in range(400)])
    assert np.array_equal(seen[0][:27], np.arange(2.0, 29.0))
    assert abs(np.linalg.norm(seen[0][27:]) - 1) < 1e-5
    assert actions.max() == 1.0
    # Of N(0.9, 0.2²) 31 % lie beyond 1, 3.1 % below 0.53.
    assert 0.27 < (actions == 1.0).mean() < 0.35
    assert 0.015 < (actions < 0.53).mean() < 0.05


def test_the_ant_of_the_package_walks() -> None:
    """Trained for 400,000 steps to a return of 165 over 10 episodes; one that stands still has 0."""
    assert evaluate_run(expert_mazes.EXPERTS["antmaze"], "reference", 2).returns.mean() > 120


@pytest.mark.slow
def test_without_another_expert_it_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no official file can be had; it reaches goals of the medium maze, four in 1000 steps on average."""
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [])
    console = Console(file=io.StringIO(), width=400)
    path = make(NAME, 2000, workers=2, directory=tmp_path, console=console)
    assert "with veloq's own ant" in console.file.getvalue()  # type: ignore[attr-defined]
    assert json.loads(path.with_suffix(".json").read_text())["expert"]["run"] == "ant_expert"
    rewards = load_task(NAME.replace("-v0", "-singletask-v0"), path.parent).rewards
    positions = read_columns(path)["observations"][:, :2].reshape(-1, 1001, 2)
    assert len(rewards) == 2000
    assert np.ptp(positions, axis=1).max(axis=1).min() > 4  # in every episode it leaves its cell


def test_what_cannot_be_is_one_line(expert: Path, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "mirrors", lambda *_: [])
    with pytest.raises(UsageError, match="pointmaze-medium-navigate-v0 needs none"):
        make("pointmaze-medium-navigate-v0", directory=tmp_path, expert=expert)
    with pytest.raises(DataError, match="its behaviour policy is not published"):
        make("antsoccer-arena-navigate-v0", directory=tmp_path, source="regenerate")
    other = train.train(small_settings(tmp_path / "runs", data, method="bc", backend="torch"), quiet()).run
    with pytest.raises(UsageError, match=r"was trained on pointmaze.*, expected ant-xy"):
        make(NAME, 1000, directory=tmp_path / "c", source="regenerate", expert=other)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("words", [["spider"], ["humanoid"]])
def test_bodies_without_a_known_way(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "train-expert", *words]) == 2
    said = capsys.readouterr().err
    assert ("expected ant or humanoid, got 'spider'" if words == ["spider"] else "say how many for a humanoid") in said
