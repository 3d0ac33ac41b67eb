"""Behaviour of OGBench's cube, scene and puzzle data: ogbench's scripted oracles on ever new random targets.

Protocol of ogbench's data_gen_scripts/generate_manipspace.py. `play` follows pre-computed plans with correlated
noise; `noisy` is closed-loop with Gaussian noise of a level drawn per episode and some uniformly random actions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..randomness import derived_seed
from ..simulator import make_environment
from .catalogue import DataSet
from .collection import Collector, Episode

NOISE = 0.1
NOISE_SMOOTHING = 0.5
MIN_NORM = 0.4
# Noise of the closed-loop oracle per action: x, y, z, yaw, gripper.
ACTION_NOISE = np.array([1.0, 1.0, 1.0, 3.0, 10.0])
# Range from which the stacking probability of an episode is drawn.
STACKING = {"single": (0.0, 0.0), "double": (0.0, 0.25), "triple": (0.05, 0.35), "quadruple": (0.1, 0.5)}


class ManipulationCollector:
    """Runs the oracle of the current target; draws a new target whenever the oracle is done."""

    def __init__(self, data_set: DataSet) -> None:
        self._env = make_environment(
            data_set.environment,
            terminate_at_goal=False,
            mode="data_collection",
            max_episode_steps=data_set.rows,
        )
        self._data_set = data_set
        self._closed_loop = data_set.variant == "noisy"
        self._oracles = _oracles(data_set, self._env)
        self._keys = ["observations", "actions", "terminals", "qpos", "qvel"]
        if data_set.family in ("scene", "puzzle"):
            self._keys.append("button_states")

    def __call__(self, seed: int) -> Episode:
        attempt = 0
        while True:
            episode = self._episode(derived_seed(seed, attempt))
            if self._data_set.family != "scene" or cube_stays_visible(episode["qpos"]):
                return episode
            attempt += 1

    def _episode(self, seed: int) -> Episode:
        observation, info = self._env.reset(seed=seed)
        stacking = self._stacking_probability()
        level = np.random.uniform(0.0, NOISE) if self._closed_loop else 0.0  # noqa: NPY002
        oracle = self._oracles[str(info["privileged/target_task"])]
        oracle.reset(observation, info)
        columns: dict[str, list[Any]] = {key: [] for key in self._keys}
        done = False
        while not done:
            action = self._action(oracle, observation, info, level)
            next_observation, _, terminated, truncated, info = self._env.step(action)
            done = terminated or truncated
            if oracle.done:
                # As published: the oracle starts from the new target, its first action still sees the old info.
                target_observation, target = self._env.unwrapped.set_new_target(p_stack=stacking)
                oracle = self._oracles[str(target["privileged/target_task"])]
                oracle.reset(target_observation, target)
            row = {
                "observations": observation,
                "actions": action,
                "terminals": done,
                "qpos": info["prev_qpos"],
                "qvel": info["prev_qvel"],
                "button_states": info.get("prev_button_states"),
            }
            for key, column in columns.items():
                column.append(row[key])
            observation = next_observation
        return {key: np.asarray(column) for key, column in columns.items()}

    def _action(
        self, oracle: Any, observation: npt.NDArray[Any], info: dict[str, Any], level: float
    ) -> npt.NDArray[Any]:
        if np.random.rand() < self._data_set.p_random_action:  # noqa: NPY002
            return np.random.uniform(-1.0, 1.0, 5).astype(np.float32)  # noqa: NPY002
        action = np.array(oracle.select_action(observation, info))
        if self._closed_loop:
            action = action + np.random.normal(0.0, level * ACTION_NOISE, 5)  # noqa: NPY002
        return np.asarray(np.clip(action, -1.0, 1.0))

    def _stacking_probability(self) -> float:
        size = self._data_set.environment.removesuffix("-v0").rpartition("-")[2]
        low, high = STACKING.get(size, (0.5, 0.5))
        return float(np.random.uniform(low, high)) if low < high else low  # noqa: NPY002


def make_collector(data_set: DataSet) -> Collector:
    """Build the collector of a manipulation data set."""
    return ManipulationCollector(data_set)


def cube_stays_visible(qpos: npt.NDArray[Any]) -> bool:
    """Whether the scene's cube never leaves the view, except into the drawer; other episodes are collected again."""
    y, z = qpos[:, 15], qpos[:, 16]
    too_far_left = (y <= -0.3) & ((z < 0.06) | (z > 0.08))
    return not ((y >= 0.29) | too_far_left).any()


def _oracles(data_set: DataSet, env: Any) -> dict[str, Any]:
    """The oracle of each kind of target in this environment."""
    from ogbench.manipspace.oracles.markov import button_markov, cube_markov, drawer_markov, window_markov
    from ogbench.manipspace.oracles.plan import button_plan, cube_plan, drawer_plan, window_plan

    kinds = {"cube": ("cube",), "scene": ("cube", "button", "drawer", "window"), "puzzle": ("button",)}
    classes: dict[str, Any]
    if data_set.variant == "noisy":
        settings: dict[str, Any] = {"min_norm": MIN_NORM}
        classes = {
            "cube": cube_markov.CubeMarkovOracle,
            "button": button_markov.ButtonMarkovOracle,
            "drawer": drawer_markov.DrawerMarkovOracle,
            "window": window_markov.WindowMarkovOracle,
        }
    else:
        settings = {"noise": NOISE, "noise_smoothing": NOISE_SMOOTHING}
        classes = {
            "cube": cube_plan.CubePlanOracle,
            "button": button_plan.ButtonPlanOracle,
            "drawer": drawer_plan.DrawerPlanOracle,
            "window": window_plan.WindowPlanOracle,
        }
    if data_set.family == "puzzle":
        settings["gripper_always_closed"] = True
    return {kind: classes[kind](env=env, **settings) for kind in kinds[data_set.family]}
