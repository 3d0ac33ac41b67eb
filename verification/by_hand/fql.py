"""FQL once more, from eqs. 41-43 of the QAM paper and the options of the original."""

import numpy as np

from . import flow_actor_critic as shared
from . import qam_fql
from .parts import Array, Situation, clipped, critic, ode, output, pessimistic_target
from .record import Record, Trained

READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": f"{shared.BACKUP} online.actor noise.next_action",
    "critic_loss": f"{shared.CRITIC} online.actor noise.next_action",
    "behaviour_loss": shared.CLONING,
    "distill_loss": "online.actor online.flow noise.distill batch.observations",
    "actor_q": "online.actor online.critic noise.distill batch.observations",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "flow", "actor"))},
    averages={"critic": ("before", 1)},
    noise={**shared.NOISE, "distill": "normal B A"},
    act_noise=shared.ACT_NOISE,
    networks={**shared.NETWORKS, "actor": "S+A -> action:A"},
    defaults={**shared.DEFAULTS, "distill_weight": 300.0, "aggregate": "mean", "normalize_q": False},
)


def target(here: Situation, after: Array) -> Array:
    """R + γ^h m (mean - ρ std) or R + γ^h m min of the averaged critics."""
    if here.config.aggregate == "mean":
        return pessimistic_target(here, after)
    lowest = critic(here.target["critic"], here.batch.next_observations, after).min(axis=0)
    return here.batch.rewards + here.batch.masks * lowest * np.prod([here.config.discount] * here.config.chunk)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic, cloning, distillation and the actor's value, over its held mean size if asked."""
    s, z = here.batch.observations, here.noise["distill"]
    after = qam_fql.chosen(here.held, here.batch.next_observations, here.noise["next_action"])
    error, metrics = shared.critic_error(here, target(here, after))
    cloning = shared.cloning_error(here, "flow")

    student = output(here.live["actor"], "action", s, z)
    off = student - ode(here.held["flow"], s, z, here.config.flow_steps)
    distill = np.einsum("ba,ba->", off, off) / off.size
    value = critic(here.held["critic"], s, clipped(student)).mean()
    size = 1.0
    if here.config.normalize_q:
        held = critic(here.held["critic"], s, clipped(output(here.held["actor"], "action", s, z)))
        size = np.abs(held.mean(axis=0)).mean()
    total = error + cloning + here.config.distill_weight * distill - value / size
    return total, metrics | {"behaviour_loss": cloning, "distill_loss": distill, "actor_q": value}
