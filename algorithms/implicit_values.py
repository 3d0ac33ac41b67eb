"""Implicit Q-learning's values: V(s) by an expectile of Q at the data's actions, Q by V at the next observation."""

from typing import Any

from ..core.algorithm import Array, Batch, Models


def value_loss(K: Any, models: Models, batch: Batch, q: Array, kappa: float) -> tuple[Array, Array]:
    """E |κ - 1(u < 0)| u² with u = q - V(s) (Kostrikov et al. 2022, eq. 5), and V(s)."""
    v = models.online.value(batch.observations)
    return K.xp.mean(K.expectile_loss(q - v, kappa)), v


def implicit_target(K: Any, config: Any, models: Models, batch: Batch) -> Array:
    """y = R + γ^h m V(s'), with the value network from before the step (ibid., eq. 6)."""
    v_next = models.frozen.value(batch.next_observations)
    return batch.rewards + config.discount**config.chunk * batch.masks * v_next
