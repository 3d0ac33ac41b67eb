"""FAWAC: flow matching of the data's actions, weighted by their exponential advantage.

w ← min(exp(τ (mean_K Q_φ(s, a) - V_ξ(s))), 100)                                        QAM below eq. 74
L(θ) ← w ‖v_θ(s, (1-u) z + u a, u) - (a - z)‖²                                          eqs. 73, 74
L(φ) ← (Q_φ(s, a) - y)²,  y = r + γ^h m (mean - ρ std) Q_φ̄(s', ODE(v_θ(s', ·, ·), z'))  eqs. 26, 75
L(ξ) ← mean_K (V_ξ(s) - Q_φ̄(s, a))²,  or (V_ξ(s) - y)²                                  as released, or eq. 76
a ← ODE(v_θ(s, ·, ·), z)

symbol  here                          symbol  here
v_θ     flow                          τ       inv_temp
Q_φ     critic (bar: its average)     ρ       rho
V_ξ     value                         h, γ    chunk, discount
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noises, Update
from ..core.networks import state_value
from . import flow_actor_critic
from .flow_actor_critic import backup_loss
from .flow_policy import cloning_errors

LARGEST_WEIGHT = 100.0


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of FAWAC."""

    inv_temp: float = 0.8  # τ, below eq. 74: sharpness of the weights (tuned: .8 or 6.4)
    value_target: Literal["critic", "backup"] = "critic"  # V learns Q_φ̄(s, a), as released, or y, eq. 76


class Networks(NamedTuple):
    """Critic ensemble, flow and state value."""

    critic: Any
    flow: Any
    value: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """Q(s, a), v(s, x, t) and V(s)."""
    shared = flow_actor_critic.networks(config, dimensions)
    return Networks(*shared, value=state_value(dimensions.observation, config.hidden))


def state_value_loss(K: Any, config: Any, models: Models, batch: Batch, y: Array) -> tuple[Array, Array, Metrics]:
    """(V_ξ(s) - target)²: every averaged critic at the data's action, or the critic's own target; and V (eq. 76)."""
    target = y if config.value_target == "backup" else models.target.critic(batch.observations, batch.actions)
    v = models.online.value(batch.observations)
    loss = K.xp.mean(K.xp.square(v - target) * batch.valid)
    return loss, v, {"value_loss": loss, "v": K.xp.mean(v)}


def weighted_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, q: Array, v: Array
) -> tuple[Array, Metrics]:
    """Eqs. 73 and 74; the weight, from online critics q and value v at the data, carries no gradient."""
    weight = K.advantage_weight(K.stop_gradient(K.ensemble_mean(q) - v), config.inv_temp, LARGEST_WEIGHT)
    errors = cloning_errors(K, models.online.flow, batch, noise["behaviour"], noise["time"])
    loss = K.xp.mean(weight * errors * batch.valid)
    cloning = K.xp.mean(errors * batch.valid)
    return loss, {"flow_loss": loss, "weight": K.xp.mean(weight), "cloning_loss": cloning}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Critic, state value and weighted flow as one sum."""
    critic, q, y, critic_metrics = backup_loss(K, config, models, batch, noise["next_action"])
    value, v, value_metrics = state_value_loss(K, config, models, batch, y)
    flow, flow_metrics = weighted_loss(K, config, models, batch, noise, q, v)
    return critic + value + flow, critic_metrics | value_metrics | flow_metrics


DEVIATIONS = (
    "V regresses to every averaged critic at the data's action, as released; eq. 76 and the text below it regress "
    'it to the TD target, which value_target="backup" does.',
    "Eq. 74 has the sign of the velocity wrong, v - z + a, which would learn z - a; eq. 91 drops τ.",
    "Flow matching averages over action dimensions, as released; eq. 74 sums.",
    "The advantage is the mean of the online critics minus the online value, without ρ, as released.",
    "Eqs. 75 and 76 have neither discount nor mask; both are here, as released.",
    "The default τ is the most frequent of the released script's tuned values; the paper's Table 4 omits FAWAC.",
    "best_of_n > 1 ranks candidates as QAM does; the paper's FAWAC has 1.",
)

FAWAC = Algorithm(
    name="fawac",
    paper="QAM",
    summary="flow policy by advantage-weighted flow matching",
    config=Config,
    networks=networks,
    noise=flow_actor_critic.noise,
    updates=(Update("joint", loss, ("critic", "flow", "value")),),
    averages={"critic": Average()},
    act=flow_actor_critic.act,
    act_noise=flow_actor_critic.act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
