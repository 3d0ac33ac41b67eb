"""Data of the right sizes for engines whose speed alone matters."""

import numpy as np

from ..core.engine import Transitions


def random_transitions(observation: int, action: int, rows: int) -> Transitions:
    """Random rows in episodes of a thousand steps, float32."""
    rng = np.random.default_rng(0)
    return Transitions(
        observations=rng.standard_normal((rows, observation), np.float32),
        actions=rng.uniform(-1.0, 1.0, (rows, action)).astype(np.float32),
        next_observations=rng.standard_normal((rows, observation), np.float32),
        rewards=-np.ones(rows, np.float32),
        masks=np.ones(rows, np.float32),
        terminals=(np.arange(rows) % 1000 == 999).astype(np.float32),
    )
