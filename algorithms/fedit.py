"""FEdit: a cloned flow whose action is edited by a small Gaussian policy.

ã ← ODE(v_θ(s, ·, ·), z),  Δ ~ π_ω(· | s, ã),  a ← clip(ã + σ_a Δ), which also acts and backs up
L(θ) ← ‖v_θ(s, (1-u) z + u a, u) - (a - z)‖²                                                eqs. 17, 77
L(ω) ← α log π_ω(Δ | s, ã) - mean_K Q_φ(s, a),  L(α) ← α (H - H_target)                     eqs. 77-78
L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', a'))²                                  eqs. 26, 79

symbol  here               symbol     here
v_θ     flow               α          exp(log_temp)
π_ω     edit               H_target   -½ h·A
σ_a     edit_scale         T          flow_steps
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Parameter, critic, edit_actor, velocity
from . import flow_actor_critic
from .flow_actor_critic import behave, critic_and_flow_loss
from .qam_edit import act_noise, edit_loss, edited_action


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of FEdit; the defaults are the paper's for scene (Tables 3 and 4)."""

    edit_scale: float = 0.2  # σ_a, eq. 78


class Networks(NamedTuple):
    """Critic ensemble, behaviour flow, edit policy and its entropy temperature."""

    critic: Any
    flow: Any
    edit: Any
    log_temp: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The four, with log α = 0."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        flow=velocity(observation, action, config.hidden),
        edit=edit_actor(observation, action, config.hidden),
        log_temp=Parameter(0.0),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of cloning and backup, and the edits'."""
    start = Noise((batch, dimensions.action))
    shared = flow_actor_critic.noise(config, dimensions, batch)
    return shared | {"next_edit": shared["next_action"], "flow": start, "edit": start}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """All losses as one sum: one Adam; the edited flow is held fixed in the edit's."""
    flow, next_noise = models.frozen.flow, (noise["next_action"], noise["next_edit"])
    next_actions = edited_action(K, config, models, flow, batch.next_observations, *next_noise)
    shared, metrics = critic_and_flow_loss(K, config, models, batch, noise, next_actions)
    edit, edit_metrics = edit_loss(K, config, models, flow, batch, noise)
    return shared + edit, metrics | edit_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The edited flow action, the best of n by the mean critic."""
    z, edits = (K.xp.moveaxis(noise[name], -2, 0) for name in ("z", "edit"))
    return edited_action(K, config, models, models.frozen.flow, observations, z, edits)


DEVIATIONS = (
    "The edited action is clipped when acting, as released; the paper's text acts with ã + σ_a Δ.",
    "Eq. 78 omits the entropy term, which is the constraint of eq. 77; H_target = -½ h·A is the released code's.",
    "The density is that of the unscaled Δ, as released; that of σ_a Δ would shift the entropy by a constant.",
    "best_of_n > 1 ranks edited candidates by the mean online critic, as EXPO does; the paper takes 1.",
    "The default σ_a is the tuned value for scene; that of the released code was not looked up.",
)

FEDIT = Algorithm(
    name="fedit",
    paper="QAM",
    summary="cloned flow with a Gaussian edit of its action",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "flow", "edit", "log_temp")),),
    averages={"critic": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
