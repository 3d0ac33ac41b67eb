"""Critics trained by temporal differences on windows that stay inside their episode."""

from typing import Any

from ..core.algorithm import Array, Batch, Metrics, Models


def pessimistic_target(K: Any, config: Any, models: Models, batch: Batch, next_actions: Array) -> Array:
    """y = R + γ^h m (mean - ρ std) Q_φ̄(s', a'), QAM eq. 26."""
    q_next = models.target.critic(batch.next_observations, next_actions)
    return K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)


def critic_loss(K: Any, models: Models, batch: Batch, y: Array) -> tuple[Array, Metrics]:
    """(Q_φ(s, a) - y)², averaged over members and batch."""
    q = models.online.critic(batch.observations, batch.actions)
    loss = K.xp.mean(K.xp.square(q - y) * batch.valid)
    return loss, {"critic_loss": loss, "q": K.xp.mean(q), "q_target": K.xp.mean(y)}
