"""BAM once more: the control objective of eq. 8 along the released rollout, in the steps' own rational numbers."""

import math

import numpy as np

from . import flow_actor_critic as shared
from . import qam
from .parts import Array, Situation, critic, highest, ode, pessimistic_target, velocity
from .record import Record, Trained

ROLLOUT = "online.fast target.slow batch.observations noise.sde_start noise.sde"

READS = {
    **{name: qam.READS[name] for name in ("q", "q_target", "critic_loss", "behaviour_loss")},
    "control_cost": ROLLOUT,
    "end_value": f"{ROLLOUT} online.critic",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "slow", "fast"), clip_norm=1.0)},
    averages=qam.RECORD.averages,
    noise=qam.RECORD.noise,
    act_noise=qam.RECORD.act_noise,
    networks=qam.RECORD.networks,
    defaults={**qam.RECORD.defaults, "inv_temp": 10.0},
)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic, behaviour flow, and what the controlled rollout costs and ends in."""
    after, z = here.batch.next_observations, here.noise["next_action"]
    candidates = ode(here.held["fast"], after, z, here.config.flow_steps)
    y = pessimistic_target(here, highest(candidates, critic(here.held["critic"], after, candidates)))
    error, metrics = shared.critic_error(here, y)
    cloning = shared.cloning_error(here, "slow")
    cost, value = controlled(here)
    return error + cloning + cost - here.config.inv_temp * value, metrics | {
        "behaviour_loss": cloning,
        "control_cost": cost,
        "end_value": value,
    }


def controlled(here: Situation) -> tuple[Array, Array]:
    """Running cost and end value, both averaged over the batch.

    With t = i/T the shifted numbers are h/(t+h) = 1/(i+1) and σ² = 2 (T-i+1)/(i+1), hence 2/σ² = (i+1)/(T-i+1).
    """
    s, T = here.batch.observations, here.config.flow_steps
    x, cost = here.noise["sde_start"], 0.0
    for i in range(T - 1):
        v = velocity(here.live["fast"], s, x, i / T)
        off = v - velocity(here.target["slow"], s, x, i / T)
        cost = cost + (i + 1) / (T - i + 1) * (off**2).sum() / len(x)
        x = i / (i + 1) * x + 2 / T * v + math.sqrt(2 * (T - i + 1) / (i + 1) / T) * here.noise["sde"][i]
    end = x + velocity(here.target["slow"], s, x, (T - 1) / T) / T
    q = critic(here.held["critic"], s, end)
    off = q - sum(q) / len(q)
    return cost, (sum(q) / len(q) - here.config.rho * np.sqrt((off**2).sum(axis=0) / len(q))).mean()
