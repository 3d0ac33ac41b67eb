"""CGQL: a cloned flow guided by the critic's action gradient, in three variants.

v(s, x, u) ← v_β̄(s, x, u) + ϑ ((1-u) τ ∇_x mean_K Q_φ(s, x, u_q) + x)/u                     eqs. 60-61, 72
a' ← ODE(v(s', ·, ·), z), which also acts                                                 eq. 39
L(φ) ← (Q_φ(s, a, 1) - r - γ^h m (mean - ρ std) Q_φ̄(s', a', 1))²                           eqs. 26, 62
L(β) ← ‖v_β(s, (1-u) z + u a, u) - (a - z)‖²                                              eq. 17

CGQL has u_q = 1: the critic of clean actions at noisy ones. The other two have u_q = u and add, at a^u = (1-u) z + u a,

MSE    ϱ (Q_φ(s, a^u, u) - Q_φ̄(s, a, 1))²                                                  eqs. 63, 71
Linex  ϱ (exp(Δ) + τ Q_φ(s, a^u, u)) where Δ = τ (Q_φ̄(s, a, 1) - Q_φ(s, a^u, u)) ≤ 5, ϱ Δ where Δ > 5    eqs. 64, 70

symbol  here                          symbol  here
Q_φ     critic (bar: its average)     τ       inv_temp
v_β     flow (bar: its average)       ϑ       guidance_weight
u       t                             ϱ       noisy_weight
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import (
    Act,
    Algorithm,
    Array,
    Average,
    Batch,
    Dimensions,
    Loss,
    Metrics,
    Models,
    Noise,
    Noises,
    Update,
)
from ..core.networks import Head, Network, velocity
from . import flow_actor_critic
from .flow_actor_critic import behave, critic_and_flow_loss
from .flow_policy import best, flow_action
from .qam import act_noise

Level = Callable[[Any, Array], Array]  # (K, u) -> u_q, the critic's level for the flow's time
Regression = Callable[[Any, Any, Array, Array], Array]  # (K, config, q, target) -> loss of each member and sample


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of CGQL; the defaults are the paper's for scene (Tables 3 and 4)."""

    inv_temp: float = 10.0  # τ, eq. 58: strength of the tilt exp(τ Q)
    guidance_weight: float = 0.1  # ϑ, eq. 61: weight of the critic's velocity


@dataclass(frozen=True)
class NoisyConfig(Config):
    """CGQL's hyper-parameters and that of the critic of noisy actions."""

    noisy_weight: float = 0.1  # ϱ, eq. 71: weight of the regression at noisy actions


@dataclass(frozen=True)
class LinexConfig(NoisyConfig):
    """CGQL-MSE's hyper-parameters and the bound of the exponential loss."""

    linex_cap: float = 5.0  # of Δ, eq. 70: above it the loss is linear


class Networks(NamedTuple):
    """Critic ensemble Q(s, x, u) and behaviour flow."""

    critic: Any
    flow: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The critic, which takes a level as well, and the flow."""
    inputs, value = (dimensions.observation, dimensions.action, 1), (Head("value", 1),)
    return Networks(
        critic=Network(inputs, config.hidden, value, config.critics, layer_norm=True, scalar=True),
        flow=velocity(dimensions.observation, dimensions.action, config.hidden),
    )


def noisy_noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """CGQL's noise, and u and z of the noisy actions."""
    return flow_actor_critic.noise(config, dimensions, batch) | {
        "noisy_time": Noise((batch, 1), "uniform"),
        "noisy_start": Noise((batch, dimensions.action)),
    }


def clean(K: Any, models: Models) -> Models:
    """The same networks with Q(s, a) = Q_φ(s, a, 1) for critic."""

    def at_data(critic: Any) -> Any:
        return lambda s, a: critic(s, a, K.xp.ones_like(a[..., :1]))

    return Models(*(bound._replace(critic=at_data(bound.critic)) for bound in models))


def level_one(K: Any, t: Array) -> Array:
    """u_q = 1 (eq. 60)."""
    return K.xp.ones_like(t)


def own_level(K: Any, t: Array) -> Array:
    """u_q = u (eq. 72)."""
    return t


def guided_action(K: Any, config: Any, models: Models, observations: Array, z: Array, level: Level) -> Array:
    """ODE(v(s, ·, ·), z) of eqs. 61 and 72, the best of the candidates that z (n, ..., A) leads."""

    def guided(s: Array, x: Array, t: Array) -> Array:
        grad = K.action_gradient(lambda a: models.frozen.critic(s, a, level(K, t)), x, K.ensemble_mean)
        v = models.target.flow(s, x, t)
        return K.guided_velocity(v, grad, x, t, config.inv_temp, config.guidance_weight)

    candidates = flow_action(K, guided, observations, z, config.flow_steps)
    return best(K, clean(K, models).frozen.critic, observations, candidates, K.ensemble_mean)


def squares(K: Any, config: Any, q: Array, target: Array) -> Array:
    """(Q_φ(s, a^u, u) - Q_φ̄(s, a, 1))² (eq. 71)."""
    return K.xp.square(q - target)


def linex(K: Any, config: Any, q: Array, target: Array) -> Array:
    """exp(Δ) + τ Q_φ(s, a^u, u) where Δ ≤ linex_cap, Δ above (eqs. 64 and 70)."""
    return K.linex_loss(q, target, config.inv_temp, config.linex_cap)


def noisy_critic_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, regression: Regression
) -> tuple[Array, Metrics]:
    """The critic at noisy actions against its average at the clean ones, each member against its own."""
    t = noise["noisy_time"]
    x_t, _ = K.linear_path(noise["noisy_start"], batch.actions, t)
    target = clean(K, models).target.critic(batch.observations, batch.actions)
    losses = regression(K, config, models.online.critic(batch.observations, x_t, t), target)
    noisy = K.xp.mean(losses * batch.valid)
    return config.noisy_weight * noisy, {"noisy_loss": noisy}


def guided_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, level: Level
) -> tuple[Array, Metrics]:
    """L(φ) + L(β) with the guided backup (eqs. 62 and 17)."""
    next_actions = guided_action(K, config, models, batch.next_observations, noise["next_action"], level)
    return critic_and_flow_loss(K, config, clean(K, models), batch, noise, next_actions)


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """CGQL: the critic is trained at clean actions alone."""
    return guided_loss(K, config, models, batch, noise, level_one)


def loss_with(regression: Regression) -> Loss:
    """CGQL-MSE or CGQL-Linex: the critic is trained at noisy actions as well (eq. 71)."""

    def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
        total, metrics = guided_loss(K, config, models, batch, noise, own_level)
        noisy, noisy_metrics = noisy_critic_loss(K, config, models, batch, noise, regression)
        return total + noisy, metrics | noisy_metrics

    return loss


def act_with(level: Level) -> Act:
    """ODE of the guided flow, the best of n by the mean critic."""

    def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
        return guided_action(K, config, models, observations, K.xp.moveaxis(noise["z"], -2, 0), level)

    return act


GUIDED_DEVIATIONS = (
    "The flow's first step, at u = 0, has no guidance, as released; eq. 60 divides by u there.",
    "The term x/u is kept as printed and released, although the velocity of the tilt is v_β + (1-u) τ ∇Q/u without it.",
    "The guided flow is the average of v_β, as released; eq. 61 writes v_β.",
    "The gradient is that of the online critics' mean, without ρ and at unclipped states of the flow, as released.",
    "best_of_n > 1 ranks candidates by the mean online critic at level 1, as QAM's; the paper runs 1.",
    "The behaviour policy is the online flow without guidance, not its average.",
    "Defaults are the tuned values for scene; those of the released code were not looked up.",
)
DEVIATIONS = (
    *GUIDED_DEVIATIONS,
    "The critic takes a level too, always 1, as released: Table 6 counts its weights, which act as further biases.",
)
NOISY_DEVIATIONS = (
    *GUIDED_DEVIATIONS,
    "One critic for clean and noisy actions, as released (eq. 71); eqs. 63-64 have another, Q̂_ζ, whose branch in the "
    "released code cannot run.",
    "Time and noise of the noisy actions are drawn anew, as two expectations in eq. 71 say; whether the released code "
    "shares them with the flow's cloning is unknown, and the expectation is the same.",
    "The regression is masked by validity, and each member follows its own average, as released.",
)
LINEX_DEVIATIONS = (
    *NOISY_DEVIATIONS,
    "Exponential where Δ ≤ 5 and linear above, as released; eq. 70 has the cases exchanged.",
    "At Δ = 5 the loss jumps and its slope falls from τ (e⁵ - 1) to τ, as released; a Huber-like loss would not.",
)


def _variant(name: str, summary: str, config: type, loss: Loss, level: Level, deviations: tuple[str, ...]) -> Algorithm:
    return Algorithm(
        name=name,
        paper="QAM",
        summary=summary,
        config=config,
        networks=networks,
        noise=flow_actor_critic.noise if config is Config else noisy_noise,
        updates=(Update("joint", loss, ("critic", "flow")),),
        averages={"critic": Average(), "flow": Average()},
        act=act_with(level),
        act_noise=act_noise,
        behaviour=behave,
        deviations=deviations,
    )


CGQL = _variant("cgql", "cloned flow guided by the gradient of the clean critic", Config, loss, level_one, DEVIATIONS)
CGQL_MSE = _variant(
    "cgql-mse",
    "CGQL whose critic learns the mean value of noisy actions",
    NoisyConfig,
    loss_with(squares),
    own_level,
    NOISY_DEVIATIONS,
)
CGQL_LINEX = _variant(
    "cgql-linex",
    "CGQL whose critic learns the soft value of noisy actions",
    LinexConfig,
    loss_with(linex),
    own_level,
    LINEX_DEVIATIONS,
)
