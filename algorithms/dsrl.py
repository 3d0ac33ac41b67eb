"""DSRL: a Gaussian policy steers a cloned flow through its noise.

F(s, z) ← ODE(v_β̄(s, ·, ·), z),  u ~ π_ω(· | s),  a ← F(s, σ_z u), which also acts and backs up
L(β) ← ‖v_β(s, (1-t) z + t a, t) - (a - z)‖²                                                eq. 17
L(ψ) ← (Q^z_ψ(s, z) - Q_φ(s, F(s, z)))²,  z ~ N(0, I)                                       eq. 82
L(ω) ← α log π_ω(u | s) - mean_K Q^z_ψ(s, σ_z u),  L(α) ← α (H - H_target)                  eqs. 80-81
L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', a'))²                                  eqs. 26, 83

symbol  here                          symbol     here
Q_φ     critic (bar: its average)     σ_z        latent_scale
Q^z_ψ   latent_critic                 α          exp(log_temp)
π_ω     latent                        H_target   -½ h·A
v_β     flow (bar: its average)       T          flow_steps
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, Parameter, critic, velocity
from . import flow_actor_critic
from .flow_actor_critic import behave, critic_and_flow_loss
from .flow_policy import best, flow_action
from .gaussian_policy import entropy_loss, squashed
from .qam import act_noise


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of DSRL; the defaults are the paper's for scene (Tables 3 and 4)."""

    latent_scale: float = 0.4  # σ_z, section E: bound of the noise that the policy chooses


class Networks(NamedTuple):
    """Critics of actions and of noise, behaviour flow, policy over its noise, entropy temperature."""

    critic: Any
    latent_critic: Any
    flow: Any
    latent: Any
    log_temp: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The five, with log α = 0; both critics are ensembles of the same form."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        latent_critic=critic(observation, action, config.hidden, config.critics),
        flow=velocity(observation, action, config.hidden),
        latent=Network((observation,), config.hidden, (Head("mean", action), Head("log_std", action))),
        log_temp=Parameter(0.0),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of cloning and backup, starts of the flow for the noise's critic, the policy's own."""
    start = Noise((batch, dimensions.action))
    return flow_actor_critic.noise(config, dimensions, batch) | {"start": start, "latent": start}


def decoded(K: Any, config: Any, models: Models, observations: Array, z: Array) -> Array:
    """F(s, z) = ODE(v_β̄(s, ·, ·), z) by the averaged flow."""
    return flow_action(K, models.target.flow, observations, z, config.flow_steps)


def steered_action(K: Any, config: Any, models: Models, observations: Array, noise: Array) -> Array:
    """F(s, σ_z u) with u ~ π_ω, the best of the candidates that the policy's noise (n, ..., A) leads."""
    mean, log_std = (K.xp.broadcast_to(part, noise.shape) for part in models.frozen.latent(observations))
    u, _ = squashed(K, (mean, log_std), noise)
    candidates = decoded(K, config, models, observations, config.latent_scale * u)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_mean)


def latent_critic_loss(K: Any, config: Any, models: Models, batch: Batch, z: Array) -> tuple[Array, Metrics]:
    """Eq. 82, each member against its own; no validity mask, as released."""
    s = batch.observations
    q = models.frozen.critic(s, decoded(K, config, models, s, z))
    loss = K.xp.mean(K.xp.square(models.online.latent_critic(s, z) - q))
    return loss, {"latent_critic_loss": loss}


def latent_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Array) -> tuple[Array, Metrics]:
    """Eqs. 80-81: value, entropy bonus and temperature; the density is that of u, not of σ_z u."""
    s = batch.observations
    u, log_prob = squashed(K, models.online.latent(s), noise)
    value = K.xp.mean(models.frozen.latent_critic(s, config.latent_scale * u))
    entropy, metrics = entropy_loss(K, models, log_prob, u.shape[-1])
    return entropy - value, {"latent_q": value} | metrics


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """All five losses as one sum: one Adam."""
    next_actions = steered_action(K, config, models, batch.next_observations, noise["next_action"])
    shared, metrics = critic_and_flow_loss(K, config, models, batch, noise, next_actions)
    distilled, distilled_metrics = latent_critic_loss(K, config, models, batch, noise["start"])
    latent, latent_metrics = latent_loss(K, config, models, batch, noise["latent"])
    return shared + distilled + latent, metrics | distilled_metrics | latent_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The steered flow action, the best of n by the mean critic."""
    return steered_action(K, config, models, observations, K.xp.moveaxis(noise["z"], -2, 0))


DEVIATIONS = (
    "The flow is decoded by its average everywhere, as released; eqs. 81-83 write the online v_θ.",
    "π_ω has no average, as released; in one place the paper speaks of one, in another of the flow's.",
    "Eqs. 81-83 omit σ_z; z of eq. 82 is a standard normal, not scaled by σ_z, as released.",
    "The released code clips u to [-1, 1] before it is scaled; a tanh is inside already, so it is left out here.",
    "Eq. 81 omits the entropy term, which is the constraint of eq. 80; H_target = -½ h·A is the released code's.",
    "Q^z follows the online critics, member by member, without a validity mask, as released.",
    "The behaviour policy is the online flow's ODE from a standard normal; the released code has none.",
    "best_of_n > 1 ranks candidates by the mean online critic, as QAM's; the paper runs 1.",
    "The default σ_z is the tuned value for scene; that of the released code was not looked up.",
)

DSRL = Algorithm(
    name="dsrl",
    paper="QAM",
    summary="Gaussian policy over the noise of a cloned flow",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "latent_critic", "flow", "latent", "log_temp")),),
    averages={"critic": Average(), "flow": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
