"""FBRAC: a flow policy that ascends the critic by backpropagation through its steps, regularised by cloning.

L(θ) ← L_FM(θ) - 1/α mean_K Q_φ(s, ODE(v_θ(s, ·, ·), z))                                QAM eqs. 36, 37, 39
L_FM(θ) ← ‖v_θ(s, (1-u) z + u a, u) - (a - z)‖²                                         eq. 17
L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', ODE(v_θ(s', ·, ·), z')))²          eqs. 26, 40
a ← ODE(v_θ(s, ·, ·), z)

symbol  here                          symbol  here
v_θ     flow                          α       bc_weight
Q_φ     critic (bar: its average)     ρ       rho
T       flow_steps                    h, γ    chunk, discount
"""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from . import flow_actor_critic
from .flow_actor_critic import backup_loss, cloning_loss
from .flow_policy import flow_action


@dataclass(frozen=True)
class Config(flow_actor_critic.Config):
    """Hyper-parameters of FBRAC."""

    bc_weight: float = 0.1  # α > 0, eq. 36: weight of cloning beside the value (tuned from .03 to 100)


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """The shared noise and the start of the flow that ascends the value."""
    return flow_actor_critic.noise(config, dimensions, batch) | {"policy": Noise((batch, dimensions.action))}


def backpropagation_loss(K: Any, config: Any, models: Models, batch: Batch, z: Array) -> tuple[Array, Metrics]:
    """Eq. 37 over α: the gradient passes through all steps of the flow and through its clip."""
    action = flow_action(K, models.online.flow, batch.observations, z, config.flow_steps)
    value = K.xp.mean(models.frozen.critic(batch.observations, action))
    return -value / config.bc_weight, {"actor_q": value}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 36 and 40 as one sum."""
    critic, _, _, critic_metrics = backup_loss(K, config, models, batch, noise["next_action"])
    cloning = cloning_loss(K, models, batch, noise)
    ascent, ascent_metrics = backpropagation_loss(K, config, models, batch, noise["policy"])
    return critic + cloning + ascent, critic_metrics | {"behaviour_loss": cloning} | ascent_metrics


FBRAC = Algorithm(
    name="fbrac",
    paper="QAM",
    summary="flow policy trained by backpropagation of the critic through its steps",
    config=Config,
    networks=flow_actor_critic.networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "flow")),),
    averages={"critic": Average()},
    act=flow_actor_critic.act,
    act_noise=flow_actor_critic.act_noise,
    behaviour=None,
    deviations=(
        "The loss is L_FM - Q/α, as released; eq. 36 is α L_FM - Q, which differs by a factor that Adam hardly sees.",
        "L_FM averages over action dimensions, as released; eq. 17 sums (α differs by h·A).",
        "Q in eq. 37 is the mean of the online ensemble without ρ and has no validity mask, as released.",
        "Eqs. 37-39 slip by one index and eq. 40 has neither discount nor mask; both are put right, as released.",
        "The default α is the most frequent of the released script's tuned values; the paper names none.",
        "best_of_n > 1 ranks candidates as QAM does; the paper's FBRAC has 1.",
    ),
)
