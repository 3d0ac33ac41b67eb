"""IQL, implicit Q-learning with advantage-weighted regression, and DIQL, which regresses to a better action.

L(ψ) ← |κ - 1(u < 0)| u²,  u = min_j Q_φ̄(s, a) - V_ψ(s)                             DOAL eq. 1
L(φ) ← Σ_j (Q_φ(s, a) - r - γ^h m V_ψ(s'))²                                         DOAL eq. 1
L(θ) ← -min(exp(β (min_j Q_φ(s, a) - V_ψ(s))), 100) log π_θ(a | s)                  DOAL eq. 2
a*   ← a + δ ∇_a Q_φ(s, a) / mean_batch ‖∇_a Q_φ(s, a)‖₂                            DOAL eq. 16
DIQL has log π_θ(a* | s) in eq. 2, and the weight of the data's action a            DOAL eq. 17
extraction "ddpg": L(θ) ← -min_j Q_φ(s, clip μ_θ(s)) / mean |Q| - α log π_θ(a | s)  DDPG+BC of the FQL release

symbol  here                              symbol  here
π_θ     N(actor, 1), μ_θ its mean         β       inv_temp (α_actor in eq. 17)
Q_φ     critic (bar: its average)         κ       kappa
V_ψ     value                             δ       delta
h       chunk                             γ       discount
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, critic, state_value
from .implicit_values import implicit_target, value_loss
from .optimal_action import SHIFT_DEVIATIONS, Shift, target_action
from .temporal_difference import regression_loss


@dataclass(frozen=True)
class ValueConfig:
    """Hyper-parameters of implicit values; the defaults are those of the FQL release, which DOAL builds on."""

    kappa: float = 0.9  # κ, eq. 1 (τ there): the expectile
    critics: int = 2  # K
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 1  # h: actions executed per decision
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # step of the critic's average


@dataclass(frozen=True)
class Config(ValueConfig):
    """IQL's hyper-parameters."""

    extraction: Literal["awr", "ddpg"] = "awr"  # how the policy learns from Q: eq. 2, or through its own action
    inv_temp: float = 10.0  # β, eq. 2: "awr"
    bc_weight: float = 10.0  # α of "ddpg"
    temperature: float = 0.0  # standard deviation when acting: 0 as evaluated, 1 as collected online


@dataclass(frozen=True)
class DirectConfig(Shift, Config):
    """IQL's hyper-parameters and DOAL's."""


class Networks(NamedTuple):
    """Critic ensemble, state value and the mean of a Gaussian policy."""

    critic: Any
    value: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The three networks of IQL."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        value=state_value(observation, config.hidden),
        actor=Network((observation,), config.hidden, (Head("mean", action, scale=0.01),)),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """An update draws none."""
    return {}


def value_losses(
    K: Any, config: Any, models: Models, batch: Batch, q_average: Array, summed: bool = True
) -> tuple[Array, Array, Metrics]:
    """Eq. 1 for the averaged critics' value of the data's actions, and the advantage min_j Q_φ(s, a) - V_ψ(s).

    The critics' losses are summed or averaged; the advantage carries no gradient.
    """
    value, v = value_loss(K, models, batch, q_average, config.kappa)
    q = models.online.critic(batch.observations, batch.actions)
    critic, metrics = regression_loss(K, q, batch, implicit_target(K, config, models, batch))
    members = config.critics if summed else 1
    advantage = K.stop_gradient(K.ensemble_min(q) - v)
    return members * critic + value, advantage, metrics | {"value_loss": value, "v": K.xp.mean(v)}


def twin_losses(K: Any, config: Any, models: Models, batch: Batch) -> tuple[Array, Array, Metrics]:
    """Eq. 1 with the smallest of the averaged critics."""
    q = K.ensemble_min(models.target.critic(batch.observations, batch.actions))
    return value_losses(K, config, models, batch, q)


def policy_loss(
    K: Any, config: Any, models: Models, batch: Batch, goal: Array, advantage: Array
) -> tuple[Array, Metrics]:
    """Eq. 2 with the advantage of the data's actions, or DDPG+BC, cloning `goal`."""
    s = batch.observations
    mean = models.online.actor(s)
    log_prob = K.gaussian_log_prob(goal, mean, K.xp.zeros_like(mean))
    if config.extraction == "awr":
        losses = -K.advantage_weight(advantage, config.inv_temp) * log_prob
    else:
        q = K.ensemble_min(models.frozen.critic(s, K.xp.clip(mean, -1.0, 1.0)))
        losses = -q / K.xp.mean(K.xp.abs(K.stop_gradient(q))) - config.bc_weight * log_prob
    loss = K.xp.mean(losses * batch.valid)
    return loss, {"actor_loss": loss, "log_prob": K.xp.mean(log_prob)}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 2 as one loss: one Adam."""
    values, advantage, metrics = twin_losses(K, config, models, batch)
    policy, policy_metrics = policy_loss(K, config, models, batch, batch.actions, advantage)
    return values + policy, metrics | policy_metrics


def direct_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 17."""
    values, advantage, metrics = twin_losses(K, config, models, batch)
    goal = target_action(K, config, models, batch)
    policy, policy_metrics = policy_loss(K, config, models, batch, goal, advantage)
    return values + policy, metrics | policy_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The mean and noise of the acting temperature, clipped."""
    return K.xp.clip(models.frozen.actor(observations) + config.temperature * noise["z"], -1.0, 1.0)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision."""
    return {"z": Noise((dimensions.action,))}


VALUE_DEVIATIONS = (
    "Eq. 1 regresses V to Q_φ; the FQL release, which DOAL says it builds on, to its average, and so is it here.",
    "The release takes single transitions. With chunks, windows that leave their episode train neither critic nor "
    "policy, only V, as in QAM's IFQL.",
    "critic_loss as a metric is the average over members, while the loss sums over them as the FQL release does.",
)
DEVIATIONS = (
    *VALUE_DEVIATIONS,
    "Eq. 2 is printed as a loss without its minus sign; the weight is capped at 100 as released.",
    "The policy has standard deviation 1, acts with its mean, and the weight's advantage is the online critics', as "
    "in the FQL release. Its online collection has temperature = 1.",
    "CORL's IQL differs: ReLU 256×2 without layer norm, a tanh mean, a learned state-independent deviation, the "
    "advantage from before V's step and from the averaged critics, averaged critic losses, a cosine actor rate.",
)

IQL = Algorithm(
    name="iql",
    paper="DOAL",
    summary="implicit Q-learning: expectile values and advantage-weighted regression",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "value", "actor")),),
    averages={"critic": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
DIQL = replace(
    IQL,
    name="diql",
    summary="IQL whose policy clones actions moved along the critic's gradient",
    config=DirectConfig,
    updates=(Update("joint", direct_loss, ("critic", "value", "actor")),),
    deviations=(
        *DEVIATIONS,
        *SHIFT_DEVIATIONS,
        "DOAL copies α per environment from FQL, where it weighs a distillation loss; which temperature eq. 17 had "
        "is not stated, so inv_temp keeps IQL's default.",
        "extraction = 'ddpg' with a moved action is nobody's method, only a combination that the two allow.",
    ),
)
