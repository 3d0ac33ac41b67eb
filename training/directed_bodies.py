"""The tasks on which bodies learn to walk where they are told: OGBench's direction-conditioned ones, seeded.

ogbench's wrappers draw directions from NumPy's global generator in the middle of a step; here an episode depends on its
seed alone, so that it can be played again.
"""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box

from .data.expert_tasks import ANT, HUMANOID

INTERVAL = 100  # steps until the next direction


class DirectedAnt(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Observation: the body's and a unit vector, (27 + 2,); reward: the way walked along it in a step."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        size = environment.observation_space.shape[0] + 2
        self.observation_space = Box(-np.inf, np.inf, (size,), np.float64)
        self._rng, self._steps = np.random.default_rng(0), 0
        self._direction: npt.NDArray[np.float64] = np.zeros(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; its directions come from the seed too."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._rng, self._steps = np.random.default_rng(seed), 0
        self._turn()
        return np.concatenate([observation, self._direction]), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The body's step."""
        before = self._position()
        observation, _, terminated, truncated, info = self.env.step(action)
        reward = self._reward(float((self._position() - before) @ self._direction))
        self._steps += 1
        if self._steps % INTERVAL == 0:
            self._turn()
        return np.concatenate([observation, self._direction]), reward, bool(terminated), bool(truncated), info

    def _reward(self, way: float) -> float:
        return way

    def _turn(self) -> None:
        drawn = self._rng.standard_normal(2)
        self._direction = drawn / np.linalg.norm(drawn)

    def _position(self) -> npt.NDArray[np.float64]:
        return np.array(self.unwrapped.data.qpos[:2])  # type: ignore[attr-defined]


class DirectedHumanoid(DirectedAnt):
    """Observation: (67 + 2,); reward: how well it stands, in [0, 1], times one and a hundred times the way walked."""

    def _reward(self, way: float) -> float:
        from ogbench.online_locomotion.humanoid import tolerance

        data: Any = self.unwrapped.data  # type: ignore[attr-defined]
        height, upright = data.body("head").xpos[2], data.body("torso").xmat[8]
        standing = tolerance(height, bounds=(1.4, np.inf), margin=1.4 / 4)
        standing *= tolerance(upright, bounds=(0.9, np.inf), margin=1.9, sigmoid="linear", value_at_margin=0)
        return float(standing * (1.0 + 100.0 * way))


DIRECTED = {ANT: DirectedAnt, HUMANOID: DirectedHumanoid}
