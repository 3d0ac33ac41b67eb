"""QAM-FQL: QAM with a one-step actor distilled from the fine-tuned flow.

L(ω) ← α ‖μ_ω(s, z) - ODE(f_θ(s, ·, ·), z)‖² - mean_K Q_φ(s, clip μ_ω(s, z))        eq. 29
a' ← clip μ_ω(s', z), which also acts

symbol  here               symbol  here
μ_ω     actor              α       distill_weight
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import one_step_actor
from . import qam
from .flow_policy import best, flow_action


@dataclass(frozen=True)
class Config(qam.Config):
    """QAM's hyper-parameters and the actor's."""

    distill_weight: float = 300.0  # α, eq. 29 (an average over action dimensions)


class Networks(NamedTuple):
    """QAM's networks and the one-step actor."""

    critic: Any
    slow: Any
    fast: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """QAM's networks and mu(s, z)."""
    actor = one_step_actor(dimensions.observation, dimensions.action, config.hidden)
    return Networks(*qam.networks(config, dimensions), actor=actor)


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """QAM's noise and the actor's."""
    return qam.noise(config, dimensions, batch) | {"distill": Noise((batch, dimensions.action))}


def actor_action(K: Any, models: Models, observations: Array, z: Array) -> Array:
    """clip mu(s, z), the best of the candidates that z (n, ..., A) leads."""
    candidates = K.xp.clip(models.frozen.actor(observations, z), -1.0, 1.0)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_mean)


def distill_loss(
    K: Any, config: Any, models: Models, flow: Any, batch: Batch, z: Array, normalize: bool = False
) -> tuple[Array, Metrics]:
    """Eq. 29, a flow as teacher and the same z: the student is not clipped where it is compared, the teacher is.

    `normalize` divides the value by the batch's mean size of it, which carries no gradient.
    """
    s = batch.observations
    action = models.online.actor(s, z)
    teacher = flow_action(K, flow, s, z, config.flow_steps)
    distill = K.xp.mean(K.xp.square(action - teacher))
    q = K.ensemble_mean(models.frozen.critic(s, K.xp.clip(action, -1.0, 1.0)))
    value = K.xp.mean(q)
    size = K.xp.mean(K.xp.abs(K.stop_gradient(q))) if normalize else 1.0
    return config.distill_weight * distill - value / size, {"distill_loss": distill, "actor_q": value}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """QAM's losses with the actor's backup, and the actor's own."""
    next_actions = actor_action(K, models, batch.next_observations, noise["next_action"])
    shared, metrics = qam.shared_loss(K, config, models, batch, noise, next_actions)
    distill, distill_metrics = distill_loss(K, config, models, models.frozen.fast, batch, noise["distill"])
    return shared + distill, metrics | distill_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The one-step actor, the best of n by the mean critic."""
    return actor_action(K, models, observations, K.xp.moveaxis(noise["z"], -2, 0))


QAM_FQL = Algorithm(
    name="qam-fql",
    paper="QAM",
    summary="QAM with a one-step actor distilled from its flow",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "slow", "fast", "actor"), clip_norm=1.0),),
    averages={"critic": Average(), "slow": Average()},
    act=act,
    act_noise=qam.act_noise,
    behaviour=qam.behave,
    deviations=(
        *qam.DEVIATIONS,
        "Eq. 29 sums over action dimensions; the released code, followed here, averages (α differs by h·A).",
    ),
)
