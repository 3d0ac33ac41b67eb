"""Critics trained by temporal differences on windows that stay inside their episode."""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Array, Batch, Metrics, Models


@dataclass(frozen=True)
class EnsembleConfig:
    """What the baselines of the QAM paper share: a pessimistic ensemble on chunks, one Adam (its Table 3)."""

    critics: int = 10  # K, eq. 26: members
    rho: float = 0.5  # ρ, eq. 26: pessimism in standard deviations (0 on humanoidmaze)
    discount: float = 0.99  # γ, per environment step (0.995 on antmaze-giant and humanoidmaze)
    chunk: int = 5  # h: actions per decision (1 for locomotion)
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths, of every network
    batch_size: int = 256  # B
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # λ: step of the averages


def pessimistic_target(K: Any, config: Any, models: Models, batch: Batch, next_actions: Array) -> Array:
    """y = R + γ^h m (mean - ρ std) Q_φ̄(s', a'), QAM eq. 26."""
    q_next = models.target.critic(batch.next_observations, next_actions)
    return K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)


def critic_loss(K: Any, models: Models, batch: Batch, y: Array) -> tuple[Array, Metrics]:
    """(Q_φ(s, a) - y)², averaged over members and batch."""
    return regression_loss(K, models.online.critic(batch.observations, batch.actions), batch, y)


def regression_loss(K: Any, q: Array, batch: Batch, y: Array) -> tuple[Array, Metrics]:
    """`critic_loss` where Q_φ(s, a) serves elsewhere too."""
    loss = K.xp.mean(K.xp.square(q - y) * batch.valid)
    return loss, {"critic_loss": loss, "q": K.xp.mean(q), "q_target": K.xp.mean(y)}
