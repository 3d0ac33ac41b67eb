"""TD3+BC once more: TD3's critics, and its actor's value against cloning."""

import numpy as np

from . import bc
from .parts import Array, Situation, Tree, clipped, output, relu
from .record import Record, Trained

TARGET = "target.actor noise.next_action target.critic batch.rewards batch.masks batch.next_observations"
CRITIC_READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": TARGET,
    "critic_loss": f"{TARGET} online.critic batch.observations batch.actions batch.valid",
}
ACTOR_READS = bc.READS | {"actor_q": "online.actor online.critic batch.observations"}


RECORD = Record(
    updates={"critic": Trained(("critic",)), "actor": Trained(("actor",), every=2)},
    averages={"critic": ("after", 2), "actor": ("after", 2)},
    noise={"next_action": "normal B A"},
    act_noise={},
    networks={"critic": "S+A -> value:1 scalar K relu", **bc.RECORD.networks},
    defaults={**bc.RECORD.defaults, "value_weight": 2.5, "critics": 2, "action_noise": 0.2, "noise_clip": 0.5},
)


def critics(tree: Tree, s: Array, a: Array) -> list[Array]:
    """Q_j(s, a), one entry for each member."""
    return list(output(tree, "value", s, a, act=relu)[..., 0])


def critic_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The sum over the critics of their mean squared errors."""
    config, batch, s = here.config, here.batch, here.batch.next_observations
    noise = clipped(config.action_noise * here.noise["next_action"], -config.noise_clip, config.noise_clip)
    q_next = critics(here.target["critic"], s, clipped(bc.policy(here.target["actor"], s) + noise))
    y = batch.rewards + config.discount**config.chunk * batch.masks * np.min(q_next, axis=0)
    q = critics(here.live["critic"], batch.observations, batch.actions)
    total = sum(np.dot(batch.valid, (member - y) ** 2) / len(y) for member in q)
    return total, {"critic_loss": total / len(q), "q": np.mean(q), "q_target": y.mean()}


def actor_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Cloning less α times the first critic's value over its held mean size."""
    s = here.batch.observations
    first = critics(here.held["critic"], s, bc.policy(here.live["actor"], s))[0]
    held = critics(here.held["critic"], s, bc.policy(here.held["actor"], s))[0]
    weight = here.config.value_weight / np.abs(held).mean()
    cloning = bc.cloning(here)
    return cloning - weight * first.mean(), {"behaviour_loss": cloning, "actor_q": first.mean()}
