"""TFQL: RQL without its horizon reduction, temporal differences between the flow's own steps.

 1  k ~ U{0, ..., F},  f ← 1 - k/F
 2  x¹ ← a;  x^{g-1/F} ← x^g - v_θ(s, x^g, g)/F,  g = 1, 1-1/F, ..., f+1/F                 eqs. 7-8
 3  y ← (mean - ρ_f std) V_φ̄(s, x^{f+1/F}, f+1/F) for f < 1: no reward, no discount        eqs. 9, 11
    y ← r + γ^h m (mean - ρ std) V_φ̄(s', z', 0)   for f = 1                                eqs. 10, 11, 17
 4  L(φ) ← ℓ_κ(y - V_φ(s, x^f, f));  L(θ) and acting as in RQL                             eqs. 14, 15

symbol  here         symbol  here (others: rql.py)
ρ_f     flow_rho     ρ       rho
"""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Algorithm, Array, Average, Batch, Metrics, Models, Noises, Update
from . import rql


@dataclass(frozen=True)
class Config(rql.Config):
    """RQL's hyper-parameters and the pessimism inside the flow."""

    flow_rho: float = 0.5  # ρ_f: pessimism of targets at f < 1 in standard deviations


def reversed_transition(K: Any, config: Any, actor: Any, batch: Batch, back: Array) -> tuple[Array, Array]:
    """x^f and x^{f+1/F} of eqs. 7-8 at f = 1 - k/F, for numbers of steps back k (B, 1); at k = 0 both are a."""
    steps = config.flow_steps
    x = later = batch.actions
    for i in range(steps):
        time = K.xp.full_like(back, 1.0 - i / steps)
        before = x - actor(batch.observations, x, time) / steps
        later = K.xp.where(back > i, x, later)
        x = K.xp.where(back > i, before, x)
    return x, later


def target(K: Any, config: Any, models: Models, batch: Batch, later: Array, back: Array, noise: Noises) -> Array:
    """Line 3: the averaged value one flow step later, or past the environment's step where none is left."""
    f_later = K.xp.clip(1.0 - (back - 1.0) / config.flow_steps, 0.0, 1.0)
    v_later = models.target.value(batch.observations, later, f_later)
    inside = K.ensemble_lower_bound(v_later, config.flow_rho)
    outside = rql.environment_target(K, config, models, batch, noise["next_start"])
    return K.stop_gradient(K.xp.where(back[..., 0] > 0.0, inside, outside))


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 1-4 as one loss of one Adam."""
    ahead = K.xp.floor(noise["reversal"] * (config.flow_steps + 1))
    back = config.flow_steps - ahead
    x, later = reversed_transition(K, config, models.frozen.actor, batch, back)
    y = target(K, config, models, batch, later, back, noise)
    value, value_metrics = rql.value_loss(K, config, models, batch, x, ahead / config.flow_steps, y)
    actor, actor_metrics = rql.actor_loss(K, config, models, batch, noise)
    return value + actor, value_metrics | actor_metrics


DEVIATIONS = (
    *rql.DEVIATIONS[1:],
    "The paper only names TFQL as RQL without horizon reduction and its code has none: the targets are eq. 11 on the "
    "transitions of eqs. 9 and 10, everything else is RQL's.",
    "All times lie on the grid {0, 1/F, ..., 1}, where eqs. 9 and 10 define transitions; RQL's half of continuous "
    "times has no use here.",
    "x^f is reversed by k steps of 1/F, eqs. 7-8, so that neighbours are one step apart; RQL's eq. 16 takes F shorter "
    "ones.",
    "Every target is pessimistic, as eq. 17's is; flow_rho = 0 keeps pessimism to the environment's step.",
    "The maximum of eq. 11 is RQL's expectile, inside the flow too.",
)

TFQL = Algorithm(
    name="tfql",
    paper="RQL",
    summary="RQL with temporal differences between flow steps, without horizon reduction",
    config=Config,
    networks=rql.networks,
    noise=rql.noise,
    updates=(Update("joint", loss, ("value", "actor")),),
    averages={"value": Average(), "actor": Average(rate="actor_target_rate")},
    act=rql.act,
    act_noise=rql.act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
    by_episode=True,
)
