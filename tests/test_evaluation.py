"""Evaluation: the same episodes for the same seed however many environments and threads run them."""

from pathlib import Path

import numpy as np
import pytest

from veloq.core.errors import ShapeError, UsageError
from veloq.training.environments import borrowed_environments
from veloq.training.evaluation import EvaluationResult, decision_generator, evaluate
from veloq.training.maze_picture import maze_picture

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*precision lowered by casting"),
    pytest.mark.filterwarnings("ignore:.*DISPLAY"),
]

# Task 3 of the medium maze is the shortest: four cells from start to goal.
TASK = "pointmaze-medium-navigate-singletask-task3-v0"
NOISE = {"x0": ("normal", (4,)), "u": ("uniform", ())}


def towards_the_goal(observations: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
    """Two actions at once: along x in the lower cells' corridor, with noise; elementwise, so exact in any batch."""
    goal = np.array([4.0, 12.0], dtype=np.float32)
    action = np.clip(goal - observations, -1, 1) + 0.3 * noise["x0"][..., :2] * noise["u"][..., None]
    return np.concatenate([action, 0.5 * action + 0.1 * noise["x0"][..., 2:]], axis=-1)


def run(environments: int, workers: int = 2, seeds: tuple[int, ...] = (0, 7), episodes: int = 5) -> EvaluationResult:
    return evaluate(TASK, towards_the_goal, seeds, episodes, 2, NOISE, workers, record=2, environments=environments)


@pytest.fixture(scope="module")
def one_at_a_time() -> EvaluationResult:
    return run(environments=1, workers=1)


@pytest.mark.parametrize(("environments", "workers"), [(2, 1), (2, 2), (5, 2)])
def test_result_does_not_depend_on_environments_and_threads(
    one_at_a_time: EvaluationResult, environments: int, workers: int
) -> None:
    result = run(environments, workers)
    np.testing.assert_array_equal(result.success, one_at_a_time.success)
    np.testing.assert_array_equal(result.lengths, one_at_a_time.lengths)
    np.testing.assert_array_equal(result.returns, one_at_a_time.returns)
    for paths, expected in zip(result.trajectories, one_at_a_time.trajectories, strict=True):
        assert len(paths) == len(expected) == 2
        for path, other in zip(paths, expected, strict=True):
            np.testing.assert_array_equal(path, other)


def test_result_of_a_seed_does_not_depend_on_the_other_seeds(one_at_a_time: EvaluationResult) -> None:
    alone = run(environments=3, seeds=(7,))
    np.testing.assert_array_equal(alone.lengths[0], one_at_a_time.lengths[1])
    np.testing.assert_array_equal(alone.trajectories[0][1], one_at_a_time.trajectories[1][1])


def test_episodes_and_seeds_start_differently_and_positions_match_lengths(one_at_a_time: EvaluationResult) -> None:
    starts = {tuple(path[0]) for paths in one_at_a_time.trajectories for path in paths}
    assert len(starts) == 4
    for s, paths in enumerate(one_at_a_time.trajectories):
        for k, path in enumerate(paths):
            assert path.shape == (one_at_a_time.lengths[s, k] + 1, 2)


def test_score_length_and_return_of_a_policy_that_reaches_the_goal() -> None:
    with borrowed_environments(TASK, 1) as (guide,):
        simulator = guide.simulator
        guide.reset(0, 0)
        goal = np.array(simulator.cur_goal_xy)

        def oracle(observations: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
            subgoal, _ = simulator.get_oracle_subgoal(observations[0, 0], goal)
            direction = subgoal - observations[0, 0]
            return (direction / (np.linalg.norm(direction) + 1e-6))[None, None].astype(np.float32)

        result = evaluate(TASK, oracle, [3], 2, 1, {}, workers=1, record=2, environments=1)
    assert result.success.all()
    assert (result.lengths < 200).all()
    # Every step costs 1 except the last, which sees the goal reached and ends the episode.
    np.testing.assert_array_equal(result.returns, 1.0 - result.lengths)
    for path in result.trajectories[0]:
        distance = np.linalg.norm(path - goal, axis=1)
        assert distance[-2] <= 1.0 < distance[-3]
    assert result.success_rate.tolist() == [1.0]


def test_failure_lasts_until_the_limit() -> None:
    result = evaluate(TASK, lambda o, n: np.zeros_like(o), [0], 1, 1, {}, environments=1)
    assert result.lengths.tolist() == [[1000]]
    assert result.returns.tolist() == [[-1000.0]]
    assert not result.success.any()


def test_a_chunk_runs_open_loop_with_fresh_noise_per_decision() -> None:
    seen: list[np.ndarray] = []

    def count(observations: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
        seen.append(noise["x0"].copy())
        assert noise["x0"].shape == (1, 1, 3)
        assert noise["x0"].dtype == np.float32
        return np.zeros((1, 1, 2 * 300), dtype=np.float32)

    evaluate(TASK, count, [5], 1, 300, {"x0": ("normal", (3,))}, environments=1)
    assert len(seen) == 4  # 1000 steps in chunks of 300
    for decision, value in enumerate(seen):
        expected = decision_generator(5, 0, decision).standard_normal(3, dtype=np.float32)
        np.testing.assert_array_equal(value[0, 0], expected)
    assert len({value.tobytes() for value in seen}) == 4


def test_actions_are_clipped() -> None:
    big = evaluate(TASK, lambda o, n: np.full_like(o, -50.0), [0], 1, 1, {}, record=1, environments=1)
    one = evaluate(TASK, lambda o, n: np.full_like(o, -1.0), [0], 1, 1, {}, record=1, environments=1)
    np.testing.assert_array_equal(big.trajectories[0][0], one.trajectories[0][0])


def test_noise_is_standard_and_differs_between_seeds_episodes_and_decisions() -> None:
    keys = [(s, k, d) for s in range(4) for k in range(5) for d in range(50)]
    draws = np.stack([decision_generator(*key).standard_normal(8, dtype=np.float32) for key in keys])
    assert len({draw.tobytes() for draw in draws}) == len(keys)
    # 8000 normal numbers: mean within 5 standard errors, 5 / sqrt(8000) = 0.056; variance 5 sqrt(2 / 8000) = 0.08.
    assert abs(float(draws.mean())) < 0.056
    assert abs(float(draws.var()) - 1) < 0.08
    neighbours = float(np.mean(draws[:-1] * draws[1:]))
    assert abs(neighbours) < 0.056


def test_resets_are_fixed_by_the_seed_and_leave_the_global_generator_alone() -> None:
    with borrowed_environments(TASK, 2) as (first, second):
        np.random.seed(1)  # noqa: NPY002
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        start = first.reset(2, 3)
        np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
        np.random.seed(99)  # noqa: NPY002
        first.step(np.ones(2))
        np.testing.assert_array_equal(start, second.reset(2, 3))
        np.testing.assert_array_equal(start, first.reset(2, 3))
        assert not np.array_equal(start, first.reset(2, 4))
        assert not np.array_equal(start, first.reset(3, 3))


def test_environments_are_reused() -> None:
    with borrowed_environments(TASK, 2) as first:
        known = set(map(id, first))
    with borrowed_environments(TASK, 2) as second:
        assert set(map(id, second)) & known


def test_wrong_shape_unknown_environment_and_bad_numbers() -> None:
    with pytest.raises(ShapeError, match=r"policy: returned shape \(1, 1, 2\), expected \(1, 1, 10\)"):
        evaluate(TASK, lambda o, n: o, [0], 1, 5, {}, environments=1)
    with pytest.raises(UsageError, match="unknown environment"):
        evaluate("pointmaze-tiny-navigate-singletask-v0", lambda o, n: o, [0], 1, 1, {})
    with pytest.raises(UsageError, match="at least 1"):
        evaluate(TASK, lambda o, n: o, [0], 0, 1, {})


def test_maze_picture_is_a_png_and_only_for_mazes(tmp_path: Path, one_at_a_time: EvaluationResult) -> None:
    paths = one_at_a_time.trajectories[0]
    data = np.random.default_rng(0).uniform(0, 20, (100, 2))
    drawn = maze_picture(TASK, paths, one_at_a_time.success[0, :2], data, file=tmp_path / "maze.png")
    assert drawn.startswith(b"\x89PNG")
    assert (tmp_path / "maze.png").read_bytes() == drawn
    assert maze_picture(TASK, [], []) != drawn
    with pytest.raises(UsageError, match="only a maze"):
        maze_picture("cube-single-play-singletask-v0", [], [])
