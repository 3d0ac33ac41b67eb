"""Behaviour-regularised actor-critic: a policy clones the data and climbs a critic that its own average backs up.

    y    = R + γ^h m min_j max_n Q_φ̄ⱼ(s', a'_n),  a'_n from the averaged policy; Max-Q backup where n > 1
    L(φ) = Σ_j (Q_φⱼ(s, a) - y)²                                                            OFQL eqs. 6, 17
    L(θ) = L_BC(θ) - η mean Q_i(s, a_θ) / sg mean |Q_j|,  i a random critic, j the next one      eq. 7
    acting: one of N candidates a_n with probability ∝ exp(w min_j Q_φ̄ⱼ(s, a_n))

DQL, EDP and OFQL differ in L_BC and in how the policy samples.
"""

from dataclasses import dataclass
from typing import Any, Literal

from ..core.algorithm import Array, Batch, Metrics, Models
from ..core.networks import Head, Network
from .softmax_draw import softmax_draw
from .temporal_difference import critic_loss


@dataclass(frozen=True)
class Config:
    """Hyper-parameters that the methods share; the defaults are the official DQL's."""

    eta: float = 1.0  # η, eq. 7: weight of the normalised value against cloning
    q_scale_at: Literal["policy", "data"] = "policy"  # actions at which |Q_j| is averaged: a_θ, or those of the batch
    critics: int = 2  # number of critics, eq. 6
    critic_norm: bool = False  # layer norm in the critics
    hidden: tuple[int, ...] = (256, 256, 256)  # widths of critics and policy
    backup_candidates: int = 1  # n of Max-Q backup; 10 on D4RL's antmaze
    best_of_n: int = 50  # N, candidates when acting
    softmax_weight: float = 1.0  # w, acting: 0 draws a candidate uniformly, ∞ the best
    chunk: int = 1  # h: actions executed per decision
    discount: float = 0.99  # γ, per environment step
    target_rate: float = 0.005  # step of the critics' average, every update
    actor_rate: float = 0.005  # step of the policy's average, every fifth update after the first thousand
    learning_rate: float = 3e-4  # of Adam
    batch_size: int = 256  # windows per update


def mish_critic(observation: int, action: int, config: Any) -> Network:
    """Ensemble of action values Q(s, a) -> (members, ...) with mish."""
    inputs, heads = (observation, action), (Head("value", 1),)
    norm = config.critic_norm
    return Network(inputs, config.hidden, heads, config.critics, layer_norm=norm, scalar=True, activation="mish")


def backup_loss(K: Any, config: Any, models: Models, batch: Batch, candidates: Array) -> tuple[Array, Metrics]:
    """Eq. 6 with next actions (n, B, h·A): largest of n by critic, then the smallest critic; Σ over j."""
    q_next = K.xp.max(models.target.critic(batch.next_observations, candidates), axis=1)
    y = K.td_target_min(q_next, batch.rewards, config.discount**config.chunk, batch.masks)
    loss, metrics = critic_loss(K, models, batch, y)
    return config.critics * loss, metrics


def normalised_value(K: Any, config: Any, models: Models, batch: Batch, actions: Array, pair: Array) -> Array:
    """Mean Q_i(s, a) / sg mean |Q_j|, i = ⌊pair · K⌋ and j the critic after it, of a uniform number `pair` (1,)."""
    q = models.frozen.critic(batch.observations, actions)
    at = models.frozen.critic(batch.observations, batch.actions) if config.q_scale_at == "data" else q
    values, scales = K.xp.mean(q, axis=-1), K.xp.mean(K.xp.abs(K.stop_gradient(at)), axis=-1)
    i = K.xp.floor(pair * config.critics)
    ratios = [values[k] / scales[(k + 1) % config.critics] for k in range(config.critics)]
    return K.xp.sum(K.xp.stack([K.xp.where(i == k, ratio, K.xp.zeros_like(ratio)) for k, ratio in enumerate(ratios)]))


def actor_loss(
    K: Any, config: Any, models: Models, batch: Batch, cloning: Array, actions: Array, pair: Array
) -> tuple[Array, Metrics]:
    """Eq. 7 from the cloning loss and the policy's own actions."""
    value = normalised_value(K, config, models, batch, actions, pair)
    return cloning - config.eta * value, {"behaviour_loss": cloning, "normalised_q": value}


def softmax_choice(
    K: Any, config: Any, models: Models, observations: Array, candidates: Array, uniform: Array
) -> Array:
    """One of the candidates (N, ..., h·A) ∝ exp(w min Q_φ̄), drawn by uniform numbers (..., N)."""
    if candidates.shape[0] == 1:
        return candidates[0]
    q = K.ensemble_min(models.target.critic(observations, candidates))
    return softmax_draw(K, candidates, q, 1.0, config.softmax_weight, uniform)
