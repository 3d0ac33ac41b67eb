"""Robot-arm data: the published oracles run for every family, repeatably, and are labelled as ogbench does."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from veloq.training.data import load_task, make
from veloq.training.data.catalogue import find_data_set
from veloq.training.data.collection import collect_episodes
from veloq.training.data.files import read_columns
from veloq.training.data.manipulation import cube_stays_visible, make_collector
from veloq.training.evaluation import evaluate

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*precision lowered by casting"),
    pytest.mark.filterwarnings("ignore:.*DISPLAY"),
]

TASK = "cube-single-play-singletask-v0"


def test_cube_data_is_read_and_labelled_as_ogbench_does(tmp_path: Path) -> None:
    import ogbench

    path = make("cube-single-play-v0", 1, directory=tmp_path, workers=1, source="regenerate")
    _, theirs, _ = ogbench.make_env_and_datasets(TASK, dataset_path=str(path))
    ours = load_task(TASK, tmp_path)
    for key in ("observations", "next_observations", "rewards", "masks", "terminals"):
        np.testing.assert_array_equal(getattr(ours, key), theirs[key], err_msg=key)
    assert ours.observations.shape == (1000, 28)
    assert ours.actions.shape == (1000, 5)
    # The oracle lifts the cube from the table, where its centre lies at 0.02, again and again.
    heights = read_columns(path)["qpos"][:, 16]
    lifts = np.flatnonzero((heights[1:] > 0.08) & (heights[:-1] <= 0.08))
    assert len(lifts) >= 3


def test_arm_evaluation_does_not_depend_on_environments_and_threads() -> None:
    def wander(observations: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
        return np.tanh(noise["x0"] + np.float32(0.1) * np.tile(observations[..., :5], 5))

    shapes = {"x0": ("normal", (25,))}
    one, two = (evaluate(TASK, wander, [0, 1], 2, 5, shapes, workers=count, environments=count) for count in (1, 2))
    np.testing.assert_array_equal(one.lengths, two.lengths)
    np.testing.assert_array_equal(one.returns, two.returns)
    assert one.lengths.max() <= 200
    assert one.trajectories == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "cube-single-noisy-v0",
        "cube-double-play-v0",
        "scene-play-v0",
        "scene-noisy-v0",
        "puzzle-3x3-play-v0",
        "puzzle-3x3-noisy-v0",
    ],
)
def test_an_episode_depends_on_its_seed_and_not_on_the_one_before(name: str) -> None:
    data_set = dataclasses.replace(find_data_set(name), rows=201)
    after_another = list(collect_episodes(make_collector, data_set, [3, 4], 1))[1]
    (alone,) = collect_episodes(make_collector, data_set, [4], 1)
    for key, column in alone.items():
        np.testing.assert_array_equal(column, after_another[key], err_msg=key)
    assert ("button_states" in alone) == (data_set.family != "cube")
    assert np.abs(alone["actions"]).max() <= 1


def test_scene_episodes_that_lose_the_cube_are_rejected() -> None:
    qpos = np.zeros((3, 25))
    qpos[:, 16] = 0.02
    assert cube_stays_visible(qpos)
    for y, z, visible in [(0.29, 0.02, False), (0.28, 0.02, True), (-0.31, 0.02, False), (-0.31, 0.07, True)]:
        qpos[1, 15:17] = y, z
        assert cube_stays_visible(qpos) is visible
