"""DOAL's optimal action: the data's action moved along the critic's gradient, for any policy to clone.

a* = a + δ ∇_a Q_φ(s, a) / mean_batch ‖∇_a Q_φ(s, a)‖₂                    DOAL eq. 16
"""

from dataclasses import dataclass
from typing import Any, Literal

from ..core.algorithm import Array, Batch, Models


@dataclass(frozen=True)
class Shift:
    """How far and along which gradient DOAL moves the data's actions."""

    delta: float = 0.1  # δ, eq. 16: mean length of the move
    aggregation: Literal["min", "mean"] = "min"  # of the critics to the Q of eq. 16


def aggregated(K: Any, config: Any, q: Array) -> Array:
    """Q of the actor's losses, from its members (K, ...)."""
    return K.ensemble_min(q) if config.aggregation == "min" else K.ensemble_mean(q)


def target_action(K: Any, config: Any, models: Models, batch: Batch) -> Array:
    """a* of eq. 16, along the online critics' gradient at the data's action; no gradient, no clipping."""
    gradient = K.action_gradient(
        lambda a: models.frozen.critic(batch.observations, a), batch.actions, lambda q: aggregated(K, config, q)
    )
    return K.batch_normalized_target(batch.actions, gradient, config.delta)


SHIFT_DEVIATIONS = (
    "DOAL does not say which Q eq. 16 differentiates: here the online critics', whose minimum is its base's Q "
    "everywhere else; aggregation = 'mean' takes their mean.",
    "The moved action is not clipped to the box, as in eq. 16.",
    "δ is the mean length of the move, by eqs. 14 and 16; the text speaks of the expected squared magnitude.",
    "The mean of the gradients' norms is over the whole batch, windows that leave their episode included.",
)
