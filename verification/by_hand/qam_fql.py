"""QAM-FQL once more, from eq. 29, averaged over action dimensions as released."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import qam
from .parts import Array, Forest, Situation, clipped, critic, highest, ode, output
from .record import Record, Trained

POLICY = "online.actor noise.next_action"

READS = qam.READS | {
    "q_target": qam.READS["q_target"].replace(qam.POLICY, POLICY),
    "critic_loss": qam.READS["critic_loss"].replace(qam.POLICY, POLICY),
    "distill_loss": "online.actor online.fast noise.distill batch.observations",
    "actor_q": "online.actor online.critic noise.distill batch.observations",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "slow", "fast", "actor"), clip_norm=1.0)},
    averages=qam.RECORD.averages,
    noise={**qam.RECORD.noise, "distill": "normal B A"},
    act_noise=qam.RECORD.act_noise,
    networks={**qam.RECORD.networks, "actor": "S+A -> action:A"},
    defaults={**qam.RECORD.defaults, "distill_weight": 300.0},
)


def chosen(held: Forest, s: Array, z: Array) -> Array:
    """clip μ(s, z), the best of the candidates that z (n, ..., A) leads."""
    candidates = clipped(output(held["actor"], "action", s, z))
    return highest(candidates, critic(held["critic"], s, candidates))


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """QAM's three losses, the distillation and the actor's value."""
    s, z = here.batch.observations, here.noise["distill"]
    total, metrics = qam.shared(here, chosen(here.held, here.batch.next_observations, here.noise["next_action"]))

    student = output(here.live["actor"], "action", s, z)
    off = student - ode(here.held["fast"], s, z, here.config.flow_steps)
    distill = (off**2).sum() / off.size
    value = critic(here.held["critic"], s, clipped(student)).mean()
    return total + here.config.distill_weight * distill - value, metrics | {"distill_loss": distill, "actor_q": value}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The actor's action, the best of the candidates of z (..., n, A)."""
    return chosen(held, s, np.moveaxis(noise["z"], -2, 0))
