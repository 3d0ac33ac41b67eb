"""QAM-EDIT: QAM whose flow action is edited by a small Gaussian policy.

ã ← ODE(f_θ(s, ·, ·), z),  Δ ~ π_ω(· | s, ã),  a ← clip(ã + σ_a Δ)                          eq. 30
L(ω) ← -mean_K Q_φ(s, a) + α log π_ω(Δ | s, ã),  L(α) ← α (H - H_target)                    eq. 77
a' is the edited action at s', which also acts

symbol  here               symbol     here
π_ω     edit               α          exp(log_temp)
σ_a     edit_scale         H_target   -½ h·A
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Parameter, edit_actor
from . import qam
from .flow_policy import best, flow_action
from .gaussian_policy import entropy_loss, squashed


@dataclass(frozen=True)
class Config(qam.Config):
    """QAM's hyper-parameters and the edit policy's."""

    edit_scale: float = 0.1  # σ_a, eq. 30


class Networks(NamedTuple):
    """QAM's networks, the edit policy and its entropy temperature."""

    critic: Any
    slow: Any
    fast: Any
    edit: Any
    log_temp: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """QAM's networks, the edit policy and log α = 0."""
    edit = edit_actor(dimensions.observation, dimensions.action, config.hidden)
    return Networks(*qam.networks(config, dimensions), edit=edit, log_temp=Parameter(0.0))


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """QAM's noise and the edits'."""
    action = dimensions.action
    return qam.noise(config, dimensions, batch) | {
        "next_edit": Noise((config.best_of_n, batch, action)),
        "flow": Noise((batch, action)),
        "edit": Noise((batch, action)),
    }


def edited(K: Any, config: Any, edit: Any, observations: Array, base: Array, noise: Array) -> tuple[Array, Array]:
    """The edited action and the log-density of the unscaled edit."""
    delta, log_prob = squashed(K, edit(observations, base), noise)
    return K.xp.clip(base + config.edit_scale * delta, -1.0, 1.0), log_prob


def edited_action(K: Any, config: Any, models: Models, flow: Any, observations: Array, z: Array, noise: Array) -> Array:
    """A flow's edited action, the best of the candidates that z and the edits' noise (n, ..., A) lead."""
    base = flow_action(K, flow, observations, z, config.flow_steps)
    candidates, _ = edited(K, config, models.frozen.edit, observations, base, noise)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_mean)


def edit_loss(K: Any, config: Any, models: Models, flow: Any, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 30 and 77 on the actions of a flow: value, entropy bonus and temperature."""
    s = batch.observations
    base = flow_action(K, flow, s, noise["flow"], config.flow_steps)
    action, log_prob = edited(K, config, models.online.edit, s, base, noise["edit"])
    value = K.xp.mean(models.frozen.critic(s, action))
    entropy, metrics = entropy_loss(K, models, log_prob, action.shape[-1])
    return entropy - value, {"edit_q": value} | metrics


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """QAM's losses with the edited backup, and the edit policy's own."""
    next_noise = (noise["next_action"], noise["next_edit"])
    next_actions = edited_action(K, config, models, models.frozen.fast, batch.next_observations, *next_noise)
    shared, metrics = qam.shared_loss(K, config, models, batch, noise, next_actions)
    edit, edit_metrics = edit_loss(K, config, models, models.frozen.fast, batch, noise)
    return shared + edit, metrics | edit_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The edited flow action, the best of n by the mean critic."""
    z, edits = (K.xp.moveaxis(noise[name], -2, 0) for name in ("z", "edit"))
    return edited_action(K, config, models, models.frozen.fast, observations, z, edits)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: a start and an edit for each candidate."""
    candidate = Noise((config.best_of_n, dimensions.action))
    return {"z": candidate, "edit": candidate}


QAM_EDIT = Algorithm(
    name="qam-edit",
    paper="QAM",
    summary="QAM with a Gaussian edit of its flow's action",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "slow", "fast", "edit", "log_temp"), clip_norm=1.0),),
    averages={"critic": Average(), "slow": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=qam.behave,
    deviations=(
        *qam.DEVIATIONS,
        "Eq. 30 omits the entropy term that the released code, followed here, has.",
    ),
)
