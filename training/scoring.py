"""Scores of a run's policies as records for metrics.jsonl, with a picture of the maze where there is one."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.algorithm import Algorithm, Dimensions
from ..core.engine import Policy
from .evaluation import EvaluationResult, NoiseShapes, evaluate
from .measures import figures_of, measure_of
from .normaliser import Normaliser
from .settings import Settings
from .writing import writing

PICTURED_EPISODES = 10


def noise_shapes(algorithm: Algorithm, config: Any, dimensions: Dimensions) -> NoiseShapes:
    """Kind and shape of the noise of one decision, by name."""
    declared = algorithm.act_noise(config, dimensions)
    return {name: (noise.kind, noise.shape) for name, noise in declared.items()}


class Scorer:
    """Evaluates policies of one run; every call starts from the same episodes and noise."""

    def __init__(
        self,
        settings: Settings,
        dimensions: Dimensions,
        folder: Path,
        positions: npt.NDArray[np.float32],
        normaliser: Normaliser,
    ) -> None:
        self._settings = settings
        self.noise = noise_shapes(settings.algorithm, settings.config, dimensions)
        self._folder, self._positions, self._normaliser = folder, positions, normaliser

    def score(self, policy: Policy, episodes: int, picture: str | None = None) -> dict[str, Any]:
        """Per-seed means over the episodes.

        Args:
            policy: observations (S, E, O), normalised where the run's are, and noise to actions (S, E, h·A).
            episodes: per seed.
            picture: name of the policy under which the first rollouts are drawn, None for no picture.
        """
        settings = self._settings
        result = evaluate(
            settings.env,
            self._normaliser.before(policy),
            [member.seed for member in settings.members],
            episodes,
            settings.config.chunk,
            self.noise,
            settings.workers,
            0 if picture is None else PICTURED_EPISODES,
            stepping=settings.stepping,
            patience=settings.patience,
        )
        if picture is not None:
            self._draw(picture, result)
        returns = result.returns.mean(axis=1)
        measure = measure_of(settings.env)
        judged = figures_of(settings.env, result.success_rate, returns)
        return {
            "measure": measure.key,
            measure.key: judged.tolist(),
            "success": result.success_rate.tolist(),
            "returns": returns.tolist(),
            "lengths": result.lengths.mean(axis=1).tolist(),
            "seconds": result.seconds,
        }

    def _draw(self, name: str, result: EvaluationResult) -> None:
        if not any(result.trajectories):
            return
        from .maze_picture import maze_picture

        pairs = [
            (path, bool(reached))
            for paths, outcomes in zip(result.trajectories, result.success, strict=True)
            for path, reached in zip(paths, outcomes, strict=False)
        ]
        picture = maze_picture(
            self._settings.env,
            [path for path, _ in pairs],
            [reached for _, reached in pairs],
            background=self._positions,
            title=f"{self._settings.env}: {name} policy",
        )
        partial = self._folder / f".rollouts-{name}.png.partial"
        with writing(self._folder):
            partial.write_bytes(picture)
            partial.replace(self._folder / f"rollouts-{name}.png")
