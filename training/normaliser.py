"""Observations as a run sees them: as they are, or with mean 0 and deviation 1 over the rows of its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..core.engine import Policy

Observations = Literal["raw", "normalised"]
Float32 = npt.NDArray[np.float32]
MARGIN = 1e-3  # added to every deviation, as CORL does


@dataclass(frozen=True)
class Normaliser:
    """(observation - mean) / scale, both (O,), or () where observations stay as they are."""

    mean: Float32
    scale: Float32

    def __call__(self, observations: npt.NDArray[Any]) -> Float32:
        """Observations (..., O) as the run sees them, float32."""
        seen: Float32 = (np.asarray(observations, np.float32) - self.mean) / self.scale
        return seen

    def before(self, policy: Policy) -> Policy:
        """A policy of what the run sees as one of the environment's observations."""

        def act(observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
            return policy(self(observations), noise)

        return act

    def described(self) -> dict[str, list[float]] | None:
        """Its numbers for config.json, exactly; None where it does nothing."""
        return None if self.mean.ndim == 0 else {"mean": self.mean.tolist(), "scale": self.scale.tolist()}


RAW = Normaliser(np.zeros((), np.float32), np.ones((), np.float32))


def measured(observations: Float32) -> Normaliser:
    """The normaliser of a data set's observations, (N, O)."""
    mean, deviation = observations.mean(axis=0, dtype=np.float64), observations.std(axis=0, dtype=np.float64)
    return Normaliser(mean.astype(np.float32), (deviation + MARGIN).astype(np.float32))


def from_description(found: Any, size: int) -> Normaliser:
    """The normaliser that `described` describes, for observations of a size.

    Raises:
        ValueError: it is none.
    """
    if found is None:
        return RAW
    if not isinstance(found, dict) or found.keys() != {"mean", "scale"}:
        raise ValueError("normaliser: expected mean and scale")
    for name, column in found.items():
        if not isinstance(column, list) or len(column) != size or not all(type(number) is float for number in column):
            raise ValueError(f"normaliser: expected {name} to be {size} numbers")
    mean, scale = (np.array(found[name]) for name in ("mean", "scale"))
    # Infinite or not a number fails every comparison.
    if not (np.abs([mean, scale]) <= np.finfo(np.float32).max).all() or not (scale >= MARGIN / 2).all():
        raise ValueError("normaliser: expected finite numbers, and a positive scale")
    return Normaliser(mean.astype(np.float32), scale.astype(np.float32))
