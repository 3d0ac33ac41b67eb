"""TrigFlow, a cloned diffusion policy with implicit values and max-Q sampling; DTrigFlow and TrigFlow-QL.

a_t ← cos(t) a + sin(t) z,  t ~ U[0, π/2]                                    DOAL eq. 5
f_θ ← cos(t) a_t - sin(t) F_θ(s, a_t, t),  L(θ) ← ‖f_θ - a‖²                 DOAL eqs. 6, 7
a   ← argmax_n min_j Q_φ(s, aⁿ), aⁿ by DDIM from zⁿ                          DOAL eqs. 8, 9
DTrigFlow has a* of eq. 16 in place of a, in eq. 5 too                       DOAL eq. 19
TrigFlow-QL: L(θ) ← -Q_φ(s, f_θ) + α ‖f_θ - a‖²                              DOAL A.3.4

Values are IQL's (DOAL eq. 1). As F* = cos(t) z - sin(t) a, the loss of eq. 6 is sin²(t) ‖F_θ - F*‖².

symbol  here               symbol  here
F_θ     flow               α       bc_weight
Q_φ     critic             δ       delta
t       angle              n       best_of_n
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..core.algorithm import Array, Batch, Metrics, Models, Noises, Update
from .flow_policy import best
from .ifql import IFQL, MAX_Q_DEVIATIONS
from .iql import VALUE_DEVIATIONS, ValueConfig, twin_losses
from .optimal_action import SHIFT_DEVIATIONS, Shift, aggregated, target_action


@dataclass(frozen=True)
class Config(ValueConfig):
    """TrigFlow's hyper-parameters."""

    flow_steps: int = 10  # steps of DDIM, eq. 8
    best_of_n: int = 32  # n, eq. 9: candidates when acting


@dataclass(frozen=True)
class DirectConfig(Shift, Config):
    """TrigFlow's hyper-parameters and DOAL's."""


@dataclass(frozen=True)
class RegularizedConfig(Config):
    """TrigFlow's hyper-parameters and those of the critic's pull."""

    bc_weight: float = 10.0  # α, A.3.4
    aggregation: Literal["min", "mean"] = "min"  # of the critics to the Q that pulls


def denoised(K: Any, flow: Any, batch: Batch, noise: Noises) -> Array:
    """Eqs. 5 and 7: the data estimate f_θ at a uniform angle."""
    angle = 0.5 * math.pi * noise["time"]
    x, _ = K.trigflow_path(noise["flow"], batch.actions, angle)
    return K.trigflow_denoise(flow(batch.observations, x, angle), x, angle)


def estimation_loss(K: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Array, Metrics]:
    """Eq. 6 on the batch's actions over windows that stay in their episode, and the estimates."""
    estimate = denoised(K, models.online.flow, batch, noise)
    errors = K.xp.mean(K.xp.square(estimate - batch.actions), axis=-1)
    loss = K.xp.mean(errors * batch.valid)
    return loss, estimate, {"flow_loss": loss}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 6 as one loss: one Adam."""
    values, _, metrics = twin_losses(K, config, models, batch)
    flow, _, flow_metrics = estimation_loss(K, models, batch, noise)
    return values + flow, metrics | flow_metrics


def direct_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 1 and 19."""
    values, _, metrics = twin_losses(K, config, models, batch)
    moved = batch._replace(actions=target_action(K, config, models, batch))
    flow, _, flow_metrics = estimation_loss(K, models, moved, noise)
    return values + flow, metrics | flow_metrics


def regularized_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eq. 1 and A.3.4: the online critic, frozen, pulls the clipped estimate."""
    values, _, metrics = twin_losses(K, config, models, batch)
    flow, estimate, flow_metrics = estimation_loss(K, models, batch, noise)
    q = aggregated(K, config, models.frozen.critic(batch.observations, K.xp.clip(estimate, -1.0, 1.0)))
    pull = K.xp.mean(q * batch.valid)
    return values + config.bc_weight * flow - pull, metrics | flow_metrics | {"actor_q": pull}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Eqs. 8 and 9: the best of n clipped ends of DDIM by the smallest online critic."""

    def field(x: Array, angle: Array) -> Array:
        return models.frozen.flow(observations, x, angle)

    ends = K.trigflow_sample(field, K.xp.moveaxis(noise["z"], -2, 0), config.flow_steps)
    return best(K, models.frozen.critic, observations, K.xp.clip(ends, -1.0, 1.0), K.ensemble_min)


DEVIATIONS = (
    *VALUE_DEVIATIONS,
    *MAX_Q_DEVIATIONS,
    "How F_θ sees the angle is not stated: as a raw number, like the time of the base's velocity.",
    "DDIM clips its end alone; the paper says nothing, and its base clips flows so.",
    "The loss is averaged over action dimensions, as FQL's is whose α the paper copies; eq. 6 sums.",
    "Eq. 6 vanishes with t and lacks TrigFlow's usual weights; it is kept as printed.",
)

TRIGFLOW = replace(
    IFQL,
    name="trigflow",
    summary="implicit values and a cloned trigonometric diffusion that acts by max-Q sampling",
    config=Config,
    updates=(Update("joint", loss, ("critic", "value", "flow")),),
    act=act,
    deviations=DEVIATIONS,
)
DTRIGFLOW = replace(
    TRIGFLOW,
    name="dtrigflow",
    summary="TrigFlow that clones actions moved along the critic's gradient",
    config=DirectConfig,
    updates=(Update("joint", direct_loss, ("critic", "value", "flow")),),
    deviations=(
        *DEVIATIONS,
        *SHIFT_DEVIATIONS,
        "Eq. 15 multiplies the loss by α, eq. 19 does not, nor does this; under Adam it changes next to nothing.",
    ),
)
TRIGFLOW_QL = replace(
    TRIGFLOW,
    name="trigflow-ql",
    summary="TrigFlow pulled up the critic's value at its one-step estimate",
    config=RegularizedConfig,
    updates=(Update("joint", regularized_loss, ("critic", "value", "flow")),),
    deviations=(
        *DEVIATIONS,
        "Which Q pulls is not stated: here the smallest online critic; aggregation = 'mean' takes their mean.",
        "The estimate is clipped where the critic sees it, as FQL's action is; A.3.4 shows no clip. Windows that "
        "leave their episode do not pull, as their estimate starts from another episode's action.",
    ),
)
