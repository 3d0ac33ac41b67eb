"""FBRAC once more, from eqs. 36-40 of the QAM paper, in the released scaling."""

from . import flow_actor_critic as shared
from .parts import Array, Situation, critic, ode, pessimistic_target
from .record import Record, Trained

READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": f"{shared.BACKUP} online.flow noise.next_action",
    "critic_loss": f"{shared.CRITIC} online.flow noise.next_action",
    "behaviour_loss": shared.CLONING,
    "actor_q": "online.flow online.critic batch.observations noise.policy",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "flow"))},
    averages={"critic": ("before", 1)},
    noise={**shared.NOISE, "policy": "normal B A"},
    act_noise=shared.ACT_NOISE,
    networks=shared.NETWORKS,
    defaults={**shared.DEFAULTS, "bc_weight": 0.1},
)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic, cloning, and the value of the flow's endpoint, moved by the flow's parameters alone, over α."""
    error, metrics = shared.critic_error(here, pessimistic_target(here, shared.next_chosen(here)))
    cloning = shared.cloning_error(here, "flow")
    s, z = here.batch.observations, here.noise["policy"]
    q = critic(here.held["critic"], s, ode(here.live["flow"], s, z, here.config.flow_steps))
    value = q.sum() / q.size
    total = error + (here.config.bc_weight * cloning - value) / here.config.bc_weight
    return total, metrics | {"behaviour_loss": cloning, "actor_q": value}
