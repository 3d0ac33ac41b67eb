"""TD3+BC: TD3 whose actor also clones the data (Fujimoto & Gu 2021), a baseline of the OFQL paper in CORL's form.

a'   ← clip(π_ψ̄(s') + clip(σ ε, -c, c), -1, 1)              the averaged actor, smoothed
y    ← R + γ^h m min_K Q_φ̄(s', a')
L(φ) ← Σ_K (Q_φ(s, a) - y)²
L(ψ) ← mean_A (π_ψ(s) - a)² - α Q_φ,1(s, π_ψ(s)) / sg mean |Q_φ,1(s, π_ψ(s))|     every second update (eq. 5)

symbol  here                            symbol  here
π_ψ     tanh actor (bar: its average)   α       value_weight
Q_φ     critic (bar: its average)       σ, c    action_noise, noise_clip
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import critic
from . import bc
from .deterministic_policy import normalised, perturbed, policy_action
from .temporal_difference import critic_loss


@dataclass(frozen=True)
class Config(bc.Config):
    """Cloning's hyper-parameters and TD3's, CORL's."""

    value_weight: float = 2.5  # α, eq. 5: of the normalised value
    critics: int = 2  # K
    action_noise: float = 0.2  # σ, of the target's actions
    noise_clip: float = 0.5  # c, on that noise


class Networks(NamedTuple):
    """Critics and actor, both averaged."""

    critic: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """Critics without layer norm, and cloning's actor; ReLU."""
    ensemble = critic(*dimensions, config.hidden, config.critics)
    return Networks(
        critic=replace(ensemble, layer_norm=False, activation="relu"), actor=bc.networks(config, dimensions).actor
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: the smoothing of the next action."""
    return {"next_action": Noise((batch, dimensions.action))}


def value_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(φ), summed over the critics."""
    mode = policy_action(K, models.target.actor, batch.next_observations)
    a_next = perturbed(K, mode, config.action_noise * noise["next_action"], config.noise_clip)
    q_next = models.target.critic(batch.next_observations, a_next)
    y = K.td_target_min(q_next, batch.rewards, config.discount**config.chunk, batch.masks)
    mean, metrics = critic_loss(K, models, batch, y)
    return config.critics * mean, metrics


def actor_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(ψ), eq. 5: the first critic alone."""
    actions = policy_action(K, models.online.actor, batch.observations)
    q = models.frozen.critic(batch.observations, actions)[0]
    cloning = bc.cloning_loss(K, actions, batch)
    return cloning - config.value_weight * normalised(K, q), {"behaviour_loss": cloning, "actor_q": K.xp.mean(q)}


TD3_BC = Algorithm(
    name="td3-bc",
    paper="OFQL",
    summary="TD3 whose actor also clones the data",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("critic", value_loss, ("critic",)),
        Update("actor", actor_loss, ("actor",), every=2),
    ),
    averages={"critic": Average("after", every=2), "actor": Average("after", every=2)},
    act=bc.act,
    act_noise=bc.act_noise,
    behaviour=None,
    deviations=(
        "All averages move only on the updates that train the actor, every second one, as CORL; the critic trains on "
        "every one.",
        "CORL updates the critic first, and the actor's loss reads the updated one; here both losses read the "
        "parameters from before the update.",
        "The two critics are members of one ensemble with one Adam, which treats every number alone: the same steps.",
        *bc.DEVIATIONS,
    ),
)
