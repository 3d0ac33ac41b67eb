"""Flow policies: the action at the end of the flow, its behaviour cloning, and the best of several candidates."""

from collections.abc import Callable
from typing import Any

from ..core.algorithm import Array, Batch


def flow_action(K: Any, flow: Any, observations: Array, z: Array, steps: int) -> Array:
    """ODE(f, z): the flow's Euler endpoint, clipped once at the end (QAM eq. 39)."""
    end = K.euler(lambda x, t: flow(observations, x, t), z, steps)
    return K.xp.clip(end, -1.0, 1.0)


def cloning_errors(K: Any, flow: Any, batch: Batch, x0: Array, t: Array) -> Array:
    """Flow matching of the data's actions from noise x0 at time t, per sample (QAM eq. 17)."""
    x_t, _ = K.linear_path(x0, batch.actions, t)
    return K.flow_matching_loss(flow(batch.observations, x_t, t), x0, batch.actions)


def best(K: Any, critic: Any, observations: Array, candidates: Array, aggregate: Callable[[Array], Array]) -> Array:
    """The candidate (n, ..., A) of largest aggregated value; a single one costs no critic call."""
    if candidates.shape[0] == 1:
        return candidates[0]
    return K.best_of_n(candidates, aggregate(critic(observations, candidates)))
