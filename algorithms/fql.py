"""FQL: a one-step actor distilled from a cloned flow, which alone is trained to ascend the critic.

L_FM(θ) ← ‖v_θ(s, (1-u) z + u a, u) - (a - z)‖²                                         QAM eqs. 17, 41
L(ω) ← α ‖μ_ω(s, z) - ODE(v_θ(s, ·, ·), z)‖² - λ mean_K Q_φ(s, clip μ_ω(s, z))          eq. 42
L(φ) ← (Q_φ(s, a) - r - γ^h m agg Q_φ̄(s', clip μ_ω(s', z')))²                           eqs. 26, 43
a ← clip μ_ω(s, z)

symbol  here                          symbol  here
v_θ     flow                          α       distill_weight
μ_ω     actor (Ω_ω in the paper)      agg     aggregate: mean - rho std, or min
Q_φ     critic (bar: its average)     λ       1, with normalize_q 1/mean |mean_K Q_φ|
T       flow_steps                    h, γ    chunk, discount
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import one_step_actor
from . import flow_actor_critic
from .flow_actor_critic import cloning_loss
from .qam_fql import act, actor_action, distill_loss
from .temporal_difference import critic_loss, pessimistic_target


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of FQL as the QAM paper runs it; critics = 2, rho = 0, chunk = 1 is the original."""

    distill_weight: float = 300.0  # α, eq. 42 (an average over action dimensions; the original's default is 10)
    aggregate: Literal["mean", "min"] = "mean"  # agg, eqs. 26, 43: mean - ρ std, or the smallest (which reads no ρ)
    normalize_q: bool = False  # λ, an option of the original: the actor's values divided by their mean size


class Networks(NamedTuple):
    """Critic ensemble, flow and one-step actor."""

    critic: Any
    flow: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """Q(s, a), v(s, x, t) and mu(s, z)."""
    actor = one_step_actor(dimensions.observation, dimensions.action, config.hidden)
    return Networks(*flow_actor_critic.networks(config, dimensions), actor=actor)


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """The shared noise and the actor's."""
    return flow_actor_critic.noise(config, dimensions, batch) | {"distill": Noise((batch, dimensions.action))}


def smallest_target(K: Any, config: Any, models: Models, batch: Batch, next_actions: Array) -> Array:
    """y = R + γ^h m min_K Q_φ̄(s', a')."""
    q_next = models.target.critic(batch.next_observations, next_actions)
    return K.td_target_min(q_next, batch.rewards, config.discount**config.chunk, batch.masks)


TARGETS = {"mean": pessimistic_target, "min": smallest_target}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 41-43 as one sum."""
    next_actions = actor_action(K, models, batch.next_observations, noise["next_action"])
    y = TARGETS[config.aggregate](K, config, models, batch, next_actions)
    critic, critic_metrics = critic_loss(K, models, batch, y)
    cloning = cloning_loss(K, models, batch, noise)
    flow, z = models.frozen.flow, noise["distill"]
    actor, actor_metrics = distill_loss(K, config, models, flow, batch, z, config.normalize_q)
    return critic + cloning + actor, critic_metrics | {"behaviour_loss": cloning} | actor_metrics


DEVIATIONS = (
    "Defaults are the QAM paper's: ten critics, mean - ρ std, chunks. The original FQL (Park et al. 2025) is "
    'critics=2, rho=0, chunk=1 with aggregate="mean" or, on adroit and OGBench\'s antmaze-large and -giant, "min".',
    "Eq. 42 has the teacher at s'; it is at s, as in both released codes.",
    "Eq. 42 sums over action dimensions; both released codes, followed here, average (α differs by h·A).",
    "Critics see the clipped action; the student is not clipped where it is compared, the teacher is, as released.",
    "The actor's value is the mean of the online ensemble, whatever aggregates the target, without validity mask, "
    "as released.",
    "Eq. 43 has neither discount nor mask; both are here, as released.",
    "Validity masks the critic and the cloning; the original has none, and none to apply with chunk = 1.",
    "best_of_n > 1 ranks candidates as QAM does, by the mean critic; both originals have 1.",
)

FQL = Algorithm(
    name="fql",
    paper="QAM",
    summary="one-step actor distilled from a cloned flow and trained to ascend the critic",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "flow", "actor")),),
    averages={"critic": Average()},
    act=act,
    act_noise=flow_actor_critic.act_noise,
    behaviour=flow_actor_critic.behave,
    deviations=DEVIATIONS,
)
