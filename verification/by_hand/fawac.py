"""FAWAC once more, from eqs. 73-76 of the QAM paper with the released value regression beside the printed one."""

import numpy as np

from . import flow_actor_critic as shared
from .parts import Array, Situation, critic, output, pessimistic_target
from .record import Record, Trained

ADVANTAGE = "online.critic online.value batch.observations batch.actions"

READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": f"{shared.BACKUP} online.flow noise.next_action",
    "critic_loss": f"{shared.CRITIC} online.flow noise.next_action",
    "value_loss": "online.value target.critic batch.observations batch.actions batch.valid",
    "v": "online.value batch.observations",
    "flow_loss": f"{shared.CLONING} online.critic online.value",
    "weight": ADVANTAGE,
    "cloning_loss": shared.CLONING,
}


RECORD = Record(
    updates={"joint": Trained(("critic", "flow", "value"))},
    averages={"critic": ("before", 1)},
    noise=shared.NOISE,
    act_noise=shared.ACT_NOISE,
    networks={**shared.NETWORKS, "value": "S -> value:1 norm scalar"},
    defaults={**shared.DEFAULTS, "inv_temp": 0.8, "value_target": "critic"},
)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic, state value, and cloning weighted by what the held critic and value think of each action."""
    batch, rows = here.batch, len(here.batch.valid)
    y = pessimistic_target(here, shared.next_chosen(here))
    error, metrics = shared.critic_error(here, y)

    v = output(here.live["value"], "value", batch.observations)[..., 0]
    averaged = critic(here.target["critic"], batch.observations, batch.actions)
    targets = {"critic": list(averaged), "backup": [y]}[here.config.value_target]
    value_error = sum(np.dot((v - each) ** 2, batch.valid) for each in targets) / (len(targets) * rows)

    q = critic(here.held["critic"], batch.observations, batch.actions)
    held_v = output(here.held["value"], "value", batch.observations)[..., 0]
    weight = np.minimum(np.exp(here.config.inv_temp * (sum(q) / len(q) - held_v)), 100.0)
    flow_error = np.dot(weight * batch.valid, shared.cloning_errors(here, "flow")) / rows
    return error + value_error + flow_error, metrics | {
        "value_loss": value_error,
        "v": v.mean(),
        "flow_loss": flow_error,
        "weight": weight.mean(),
        "cloning_loss": shared.cloning_error(here, "flow"),
    }
