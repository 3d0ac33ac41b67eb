"""The kitchen of D4RL's files and of Minari's on gymnasium-robotics' FrankaKitchen-v1."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from gymnasium_robotics.envs.franka_kitchen.kitchen_env import OBS_ELEMENT_GOALS, OBS_ELEMENT_INDICES, KitchenEnv

JOINTS, OBJECTS, VELOCITIES = 9, 21, 9 + 20  # an object that turns freely has a velocity less than positions
NOISE = 0.1  # of an amplitude for each joint, in D4RL for robot and objects alike


class Kitchen(gymnasium.Wrapper[Any, Any, Any, Any]):
    """D4RL's: positions of the robot's joints and of the objects, then the goal's positions, (9 + 21 + 30,).

    Reward: how many of the tasks are done in this step for the first time. All of them done ends an episode.

    Minari's: positions and velocities of joints and objects, (9 + 9 + 21 + 20,). Reward: how many tasks are done in
    this step, whether for the first time or not; nothing but length ends an episode.

    Success is that every task has been done in the episode.
    """

    def __init__(self, tasks: tuple[str, ...], minari: bool = False, **settings: Any) -> None:
        if minari:
            settings |= {"remove_task_when_completed": False, "terminate_on_tasks_completed": False}
        else:
            settings |= {"robot_noise_ratio": NOISE, "object_noise_ratio": NOISE}
        super().__init__(KitchenEnv(list(tasks), **settings))
        self._minari, self._tasks = minari, len(tasks)
        self._goal: npt.NDArray[np.float64] = np.zeros(JOINTS + OBJECTS)
        for task in tasks:
            self._goal[OBS_ELEMENT_INDICES[task]] = OBS_ELEMENT_GOALS[task]
        size = VELOCITIES + JOINTS + OBJECTS if minari else 2 * (JOINTS + OBJECTS)
        self.observation_space = Box(-np.inf, np.inf, (size,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode with every task to do."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._flat(observation), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move for 40 steps of the simulator."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        success = len(info["episode_task_completions"]) == self._tasks
        return self._flat(observation), float(reward), bool(terminated), bool(truncated), {**info, "success": success}

    def _flat(self, observation: Any) -> npt.NDArray[np.float64]:
        shown: npt.NDArray[np.float64] = observation["observation"]
        if self._minari:
            return shown
        joints, _, objects, _ = np.split(shown, np.cumsum([JOINTS, JOINTS, OBJECTS]))
        return np.concatenate([joints, objects, self._goal])
