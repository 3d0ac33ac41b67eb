"""D4RL's ant mazes and kitchen as they are simulated here: bodies, walls, goals, rewards, ends, and runs in them."""

import itertools
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_runs import quiet, small_settings

from veloq.training import checkpoint, train
from veloq.training.data.gymnasium_tasks import GYMNASIUM_TASKS, find_gymnasium_task, load_gymnasium_task
from veloq.training.data.mirrors import mirrors
from veloq.training.environments import EvaluationEnvironment
from veloq.training.run_folder import RunFolder

UMAZE, MEDIUM, LARGE = "antmaze-umaze-v2", "antmaze-medium-play-v2", "antmaze-large-diverse-v2"
OGBENCH = {name: f"antmaze-{name.split('-')[1]}-navigate-singletask-v0" for name in (MEDIUM, LARGE)}
BODY = (
    *("body_mass", "body_inertia", "body_pos", "dof_damping", "dof_armature", "jnt_range", "jnt_pos"),
    *("actuator_gear", "actuator_ctrlrange"),
)


def walls(simulator: Any) -> set[tuple[float, ...]]:
    """Place and size of every box."""
    model = simulator.model
    boxes = np.flatnonzero(model.geom_type == 6)
    return {tuple(np.concatenate([model.geom_pos[box], model.geom_size[box]]).tolist()) for box in boxes}


@pytest.mark.parametrize("name", OGBENCH)
def test_the_mazes_are_those_of_ogbench(name: str) -> None:
    """Which took ant and maps from D4RL: the same bodies and walls, and the same states after the same actions."""
    ours, theirs = EvaluationEnvironment(name).simulator, EvaluationEnvironment(OGBENCH[name]).simulator
    for field in BODY:
        np.testing.assert_array_equal(getattr(ours.model, field), getattr(theirs.model, field), err_msg=field)
    assert walls(ours) == walls(theirs)
    np.testing.assert_array_equal(ours.maze_map, theirs.maze_map)
    assert ours.ij_to_xy((3, 5)) == theirs.ij_to_xy((3, 5))
    ours.reset(seed=0)
    theirs.reset(seed=0)
    theirs.set_state(ours.data.qpos.copy(), ours.data.qvel.copy())
    for action in np.random.default_rng(0).uniform(-1, 1, (60, 8)):
        ours.step(action)
        theirs.step(action)
    np.testing.assert_array_equal(ours.get_ob(), theirs.get_ob())


def test_the_smallest_maze_turns_twice() -> None:
    simulator = EvaluationEnvironment(UMAZE).simulator
    free = {simulator.ij_to_xy(tuple(cell)) for cell in np.argwhere(simulator.maze_map == 0)}
    assert free == {(0, 0), (4, 0), (8, 0), (8, 4), (8, 8), (4, 8), (0, 8)}


@pytest.mark.parametrize(("name", "cell"), [(UMAZE, (0, 8)), (MEDIUM, (20, 20)), (LARGE, (32, 24))])
def test_episodes_begin_at_the_origin_with_a_goal_of_their_own(name: str, cell: tuple[float, float]) -> None:
    environment, goals = EvaluationEnvironment(name), []
    for episode in range(40):
        observation = environment.reset(0, episode)
        assert observation.shape == (29,)
        assert np.abs(observation[:2]).max() < 0.1
        goals.append(environment.simulator.cur_goal_xy - cell)
    drawn = np.array(goals)
    assert drawn.min() >= 0
    assert 1.0 < drawn.max() <= 1.5
    assert abs(drawn.mean() - 0.75) < 0.15
    environment.reset(0, 7)
    np.testing.assert_array_equal(environment.simulator.cur_goal_xy - cell, drawn[7])


def test_only_the_goal_ends_an_episode() -> None:
    environment = EvaluationEnvironment(UMAZE)
    environment.reset(0, 0)
    simulator, still = environment.simulator, np.zeros(8)
    for distance, reached in ((0.7, False), (0.3, True)):
        simulator.set_xy(simulator.cur_goal_xy - [distance, 0.0])
        met = environment.step(still)
        assert (met.reward, met.terminated, met.success) == (float(reached), reached, reached)
    environment.reset(0, 1)
    lying = simulator.data.qpos.copy()
    lying[2:7] = [0.3, 0.0, 1.0, 0.0, 0.0]  # on its back
    simulator.set_state(lying, np.zeros(14))
    met = [environment.step(still) for _ in range(700)]
    assert [at for at, step in enumerate(met) if step.done] == [699]
    assert met[-1].truncated
    assert not met[-1].terminated


@pytest.fixture(scope="module")
def umaze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty rows in the layout of D4RL's file: an episode that goes on after the goal, and one without it."""
    folder, rng, environment = tmp_path_factory.mktemp("d4rl"), np.random.default_rng(0), EvaluationEnvironment(UMAZE)
    observations, actions = [environment.reset(0, 0)], rng.uniform(-1, 1, (30, 8)).astype(np.float32)
    observations += [environment.step(action).observation for action in actions[:-1]]
    reached = np.isin(np.arange(30), (7, 8))
    with h5py.File(folder / f"{UMAZE}.hdf5", "w") as file:
        file["observations"], file["actions"] = np.array(observations), actions
        file["rewards"], file["terminals"] = reached.astype(np.float32), reached
        file["timeouts"] = np.isin(np.arange(30), (14, 29))
    return folder


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_run_in_a_maze(umaze: Path, tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline and online: rewards of rows and of experience are labelled alike, the score is a success rate."""
    task = find_gymnasium_task(UMAZE)
    assert task is not None
    rows = load_gymnasium_task(task, umaze)
    assert (len(rows), rows.masks.sum(), rows.terminals.tolist()) == (28, 26, [0] * 13 + [1] + [0] * 13 + [1])
    step = EvaluationEnvironment.step
    monkeypatch.setattr(
        EvaluationEnvironment,
        "step",
        lambda self, action: step(self, action)._replace(reward=1.0, terminated=True, success=True),
    )
    sizes = {"updates": 2, "online": 3, "warmup": 1, "evaluate_every": 100, "dispatch": 3, "config": {"chunk": 1}}
    settings = small_settings(tmp_path, umaze, env=UMAZE, rewards="dql", backend=backend, **sizes)
    run = train.train(settings, quiet()).run
    experience = checkpoint.load_latest(run).experience
    assert experience is not None
    assert experience["rows/rewards"].tolist() == [[2.0] * 3] * 2
    records = RunFolder.open(run).records()
    assert [record["online"]["returns"] for record in records if "online" in record] == [[1.0, 1.0]] * 2
    assert [record["score"] for record in records if record["kind"] == "evaluation"] == [[100.0, 100.0]] * 4
    assert json.loads((run / "config.json").read_text())["data_origin"].startswith(f"D4RL file {UMAZE}.hdf5, dql rew")
    assert (run / "rollouts-method.png").is_file()


def test_the_kitchen_shows_what_d4rl_showed() -> None:
    """Joints and objects with D4RL's noise, then the goal; velocities are not among them."""
    environment = EvaluationEnvironment("kitchen-mixed-v0")
    shown = np.array([environment.reset(0, episode) for episode in range(30)])
    assert (shown.shape, environment.action_size) == ((30, 60), 9)
    simulator = environment.simulator
    noise = shown[:, :30] - simulator.robot_env.init_qpos
    # A tenth of 0.1 for each joint of the arm; objects have amplitudes of their own, at most as large.
    assert np.abs(noise).max() < 0.0101
    assert np.abs(noise[:, :9]).max(axis=0).min() > 0.008
    wanted = np.zeros(30)
    wanted[[11, 12, 17, 18, 22]] = [-0.88, -0.01, -0.69, -0.05, -0.75]
    wanted[23:] = [-0.23, 0.75, 1.62, 0.99, 0.0, 0.0, -0.06]
    np.testing.assert_array_equal(shown[:, 30:], np.tile(wanted.astype(np.float32), (30, 1)))


def test_every_task_of_the_kitchen_is_rewarded_once() -> None:
    environment = EvaluationEnvironment("kitchen-mixed-v0")
    done = environment.reset(0, 0)[30:]
    simulator, still = environment.simulator, np.zeros(9)

    def put(places: list[int]) -> Any:
        positions = simulator.data.qpos.copy()
        positions[places] = done[places]
        simulator.robot_env.set_state(positions, np.zeros_like(simulator.data.qvel))
        return environment.step(still)

    rewards = []
    for places in ([22], [22], [11, 12], [17, 18]):
        met = put(places)
        rewards.append(met.reward)
        assert not met.done
    assert rewards == [1.0, 0.0, 1.0, 1.0]
    met = put(list(range(23, 30)))
    assert (met.reward, met.terminated, met.success) == (1.0, True, True)
    environment.reset(0, 1)
    steps = itertools.count(1)
    while not (met := environment.step(still)).done:
        next(steps)
    assert (next(steps), met.truncated, met.success) == (280, True, False)


def test_minaris_kitchen_goes_on_and_pays_for_what_is_done() -> None:
    """Observations of 59 numbers, velocities among them; a task that stays done is paid in every step."""
    environment = EvaluationEnvironment("D4RL/kitchen/mixed-v2")
    assert environment.sizes() == (59, 9)
    environment.reset(0, 0)
    simulator, still = environment.simulator, np.zeros(9)
    done = simulator.data.qpos.copy()
    done[[11, 12, 17, 18, 22]] = [-0.88, -0.01, -0.69, -0.05, -0.75]
    done[23:] = [-0.23, 0.75, 1.62, 0.99, 0.0, 0.0, -0.06]
    simulator.robot_env.set_state(done, np.zeros_like(simulator.data.qvel))
    met = [environment.step(still) for _ in range(450)]
    assert [met[0].reward, met[1].reward, met[0].success] == [4.0, 4.0, True]
    assert [at for at, step in enumerate(met) if step.done] == [449]


def test_kitchen_files_end_episodes_by_length(tmp_path: Path) -> None:
    """They hold no timeouts: as in d4rl, an episode ended after 280 steps where no terminal did."""
    task = find_gymnasium_task("kitchen-partial-v0")
    assert task is not None
    with h5py.File(tmp_path / task.file_name, "w") as file:
        file["observations"], file["actions"] = np.zeros((400, 60), np.float32), np.zeros((400, 9), np.float32)
        file["rewards"], file["terminals"] = np.zeros(400, np.float32), np.arange(400) == 99
    rows = load_gymnasium_task(task, tmp_path)
    # Row 379, the 280th after the terminal, and the last row begin no transition.
    assert len(rows) == 398
    assert np.flatnonzero(rows.terminals).tolist() == [99, 378, 397]


def test_every_file_has_an_address_of_its_own(tmp_path: Path) -> None:
    remotes = [task.remote for task in GYMNASIUM_TASKS.values() if not task.minari]
    assert len(set(remotes)) == len(remotes) == 18 + 12 + 12 + 3
    assert all(remote.endswith(".hdf5") for remote in remotes)
    assert mirrors("d4rl", tmp_path)


@pytest.mark.parametrize(
    ("name", "sizes", "steps"),
    [
        ("pen-human-v1", (45, 24), 100),
        ("door-cloned-v1", (39, 28), 200),
        ("hammer-expert-v1", (46, 26), 200),
        ("relocate-human-v1", (39, 30), 200),
    ],
)
def test_hands_move_until_the_time_is_up(name: str, sizes: tuple[int, int], steps: int) -> None:
    """Sizes of D4RL's data, dense rewards, the same episode from the same seed."""
    environment = EvaluationEnvironment(name)
    assert environment.sizes() == sizes
    actions = np.random.default_rng(0).uniform(-1, 1, (steps + 5, sizes[1]))
    runs = []
    for _ in range(2):
        start = environment.reset(3, 1)
        runs.append(environment.run(actions[:10]))
        assert np.abs(runs[-1].observation - start).max() > 0.01
    assert (runs[0].total, runs[0].done) == (runs[1].total, False)
    assert runs[0].total != 0.0
    np.testing.assert_array_equal(runs[0].observation, runs[1].observation)
    environment.reset(3, 1)
    assert environment.run(actions).steps == steps
