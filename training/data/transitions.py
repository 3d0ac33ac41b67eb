"""Transitions of one task, the rows that every method trains on, whatever file they came from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...core.engine import Transitions

Array = npt.NDArray[np.float32]
ACTION_LIMIT = 1.0 - 1e-5


@dataclass(frozen=True)
class TransitionData:
    """All float32; rows in the order of the file, episodes one after the other.

    Attributes:
        observations, next_observations: (N, O).
        actions: (N, A), clipped to ±(1 - 1e-5) as the published methods do.
        rewards: (N,), of the current state.
        masks: (N,), 0 where the task is done in the current state, so that nothing is bootstrapped.
        terminals: (N,), 1 at the last transition of each episode; says nothing about success.
        origin: one line on where the rows come from.
    """

    observations: Array
    actions: Array
    next_observations: Array
    rewards: Array
    masks: Array
    terminals: Array
    origin: str = ""

    def __len__(self) -> int:
        return len(self.rewards)

    def episodes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Length in transitions (E,) and undiscounted return (E,) of every episode."""
        ends = np.flatnonzero(self.terminals)
        lengths = np.diff(ends, prepend=-1)
        return lengths, np.add.reduceat(self.rewards[: ends[-1] + 1], ends - lengths + 1, dtype=np.float64)


def as_engine_data(rows: TransitionData) -> Transitions:
    """The rows as an engine takes them."""
    return Transitions(**{name: np.asarray(getattr(rows, name), np.float32) for name in Transitions._fields})
