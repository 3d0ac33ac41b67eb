"""D4RL's kitchen on gymnasium-robotics' FrankaKitchen-v1: the observations of the old files from the new simulator."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from gymnasium_robotics.envs.franka_kitchen.kitchen_env import OBS_ELEMENT_GOALS, OBS_ELEMENT_INDICES, KitchenEnv

JOINTS, OBJECTS = 9, 21
NOISE = 0.1  # of an amplitude for each joint, in D4RL for robot and objects alike


class Kitchen(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Positions of the robot's joints and of the objects, then the goal's positions, (9 + 21 + 30,).

    Reward: how many of the tasks are done in this step for the first time. All of them done ends an episode, and is
    its success.
    """

    def __init__(self, tasks: tuple[str, ...], **settings: Any) -> None:
        kitchen = KitchenEnv(list(tasks), robot_noise_ratio=NOISE, object_noise_ratio=NOISE, **settings)
        super().__init__(kitchen)
        self.observation_space = Box(-np.inf, np.inf, (2 * (JOINTS + OBJECTS),), np.float64)
        self._goal: npt.NDArray[np.float64] = np.zeros(JOINTS + OBJECTS)
        for task in tasks:
            self._goal[OBS_ELEMENT_INDICES[task]] = OBS_ELEMENT_GOALS[task]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode with every task to do."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._flat(observation), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move for 40 steps of the simulator."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        success = not info["tasks_to_complete"]
        return self._flat(observation), float(reward), bool(terminated), bool(truncated), {**info, "success": success}

    def _flat(self, observation: Any) -> npt.NDArray[np.float64]:
        joints, _, objects, _ = np.split(observation["observation"], np.cumsum([JOINTS, JOINTS, OBJECTS]))
        return np.concatenate([joints, objects, self._goal])
