"""IFQL, implicit values and a cloned flow policy that acts by max-Q sampling, and DIFQL, its DOAL version.

L(ψ) ← |κ - 1(u < 0)| u²,  u = Q̄(s, a) - V_ψ(s)                          DOAL eq. 1
L(φ) ← (Q_φ(s, a) - r - γ^h m V_ψ(s'))²                                  DOAL eq. 1
L(θ) ← ‖v_θ(s, a_t, t) - (a - z)‖²,  a_t = (1-t) z + t a                 DOAL eq. 3, time turned round
a    ← argmax_n min_j Q_φ(s, aⁿ),  aⁿ ← ODE(v_θ(s, ·, ·), zⁿ)            DOAL eqs. 4, 9
DIFQL has α times eq. 3 with a* of eq. 16 in place of a                  DOAL eq. 18

source  Q̄                              sum or mean over members    released with
"fql"   min_j Q_φ̄                      sum                         critics 2, chunk 1
"qam"   mean_j Q_φ̄ - ρ std_j Q_φ̄      mean                        critics 10, chunk 5 (1 for locomotion)

symbol  here                           symbol  here
v_θ     flow                           κ       kappa
Q_φ     critic (bar: its average)      ρ       rho
V_ψ     value                          n       best_of_n
α       bc_weight                      h       chunk
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Array, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import critic, state_value, velocity
from .flow_policy import best, cloning_errors, flow_action
from .iql import IQL, VALUE_DEVIATIONS, ValueConfig, value_losses
from .optimal_action import SHIFT_DEVIATIONS, Shift, target_action
from .qam import act_noise


class Source(NamedTuple):
    """Where the two releases of IFQL differ."""

    pessimistic: bool  # V regresses to mean - ρ std of the averaged critics, else to their minimum
    summed: bool  # the critics' losses are summed over members, else averaged


SOURCES = {"fql": Source(pessimistic=False, summed=True), "qam": Source(pessimistic=True, summed=False)}


@dataclass(frozen=True)
class Config(ValueConfig):
    """IFQL's hyper-parameters; the defaults are those of the FQL release."""

    source: Literal["fql", "qam"] = "fql"  # whose values: the table above
    rho: float = 0.5  # ρ of "qam": pessimism in standard deviations
    flow_steps: int = 10  # N, eq. 4
    best_of_n: int = 32  # n, eq. 9: candidates when acting


@dataclass(frozen=True)
class DirectConfig(Shift, Config):
    """IFQL's hyper-parameters and DOAL's."""

    bc_weight: float = 10.0  # α, eq. 18


class Networks(NamedTuple):
    """Critic ensemble, state value and flow policy."""

    critic: Any
    value: Any
    flow: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The three networks of IFQL."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        value=state_value(observation, config.hidden),
        flow=velocity(observation, action, config.hidden),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update."""
    return {"time": Noise((batch, 1), "uniform"), "flow": Noise((batch, dimensions.action))}


def sourced_losses(K: Any, config: Any, models: Models, batch: Batch) -> tuple[Array, Array, Metrics]:
    """Eq. 1 as the release that is meant has it."""
    source = SOURCES[config.source]
    q = models.target.critic(batch.observations, batch.actions)
    q = K.ensemble_lower_bound(q, config.rho) if source.pessimistic else K.ensemble_min(q)
    return value_losses(K, config, models, batch, q, source.summed)


def cloning_loss(K: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eq. 3 on the batch's actions, over windows that stay in their episode."""
    loss = K.xp.mean(cloning_errors(K, models.online.flow, batch, noise["flow"], noise["time"]) * batch.valid)
    return loss, {"flow_loss": loss}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 3 as one loss: one Adam."""
    values, _, metrics = sourced_losses(K, config, models, batch)
    cloning, cloning_metrics = cloning_loss(K, models, batch, noise)
    return values + cloning, metrics | cloning_metrics


def direct_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 18."""
    values, _, metrics = sourced_losses(K, config, models, batch)
    moved = batch._replace(actions=target_action(K, config, models, batch))
    cloning, cloning_metrics = cloning_loss(K, models, moved, noise)
    return values + config.bc_weight * cloning, metrics | cloning_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Eq. 9: the best of n ends of the flow by the smallest online critic."""
    z = K.xp.moveaxis(noise["z"], -2, 0)
    candidates = flow_action(K, models.frozen.flow, observations, z, config.flow_steps)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_min)


MAX_Q_DEVIATIONS = (
    "DOAL does not say which Q ranks the candidates: the smallest online critic does, as in the FQL and QAM releases.",
    "DOAL tunes the number of candidates per environment and prints few of them; 32 is the FQL release's.",
)
DEVIATIONS = (
    *VALUE_DEVIATIONS,
    *MAX_Q_DEVIATIONS,
    "DOAL's time runs from data to noise; eq. 3 is the same loss in the library's time.",
    "The loss of the velocity is averaged over action dimensions, as released; eq. 3 sums.",
    "IFQL stands in two papers and two releases, FQL's (DOAL's base) and QAM's: `source` chooses; QAM's also has "
    "other sizes, listed above.",
)

IFQL = replace(
    IQL,
    name="ifql",
    summary="implicit values and a cloned flow that acts by max-Q sampling (also QAM)",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "value", "flow")),),
    act=act,
    act_noise=act_noise,
    deviations=DEVIATIONS,
)
DIFQL = replace(
    IFQL,
    name="difql",
    summary="IFQL whose flow clones actions moved along the critic's gradient",
    config=DirectConfig,
    updates=(Update("joint", direct_loss, ("critic", "value", "flow")),),
    deviations=(
        *DEVIATIONS,
        *SHIFT_DEVIATIONS,
        "α multiplies the only loss that trains the flow, which changes next to nothing under Adam; the paper says it "
        "controls the actor's learning rate.",
    ),
)
