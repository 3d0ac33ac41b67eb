"""IQL and DIQL once more, from DOAL's eqs. 1, 2, 16 and 17 as the FQL release has them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, clipped, critic, output, slope
from .record import Record, Trained

CRITIC = "online.critic batch.observations batch.actions"
TARGET = "online.value batch.rewards batch.masks batch.next_observations"
VALUE_READS = {
    "q": CRITIC,
    "q_target": TARGET,
    "critic_loss": f"{CRITIC} {TARGET} batch.valid",
    "value_loss": "online.value target.critic batch.observations batch.actions",
    "v": "online.value batch.observations",
}
POLICY = "online.actor batch.observations batch.actions"
READS = VALUE_READS | {"log_prob": POLICY, "actor_loss": f"{POLICY} online.critic online.value batch.valid"}
DIRECT_READS = READS | {"log_prob": f"{POLICY} online.critic"}

RECORD = Record(
    updates={"joint": Trained(("critic", "value", "actor"))},
    averages={"critic": ("before", 1)},
    noise={},
    act_noise={"z": "normal A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "value": "S -> value:1 norm scalar",
        "actor": "S -> mean:A*0.01",
    },
    defaults={
        "kappa": 0.9,
        "critics": 2,
        "hidden": (512, 512, 512, 512),
        "chunk": 1,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
        "extraction": "awr",
        "inv_temp": 10.0,
        "bc_weight": 10.0,
        "temperature": 0.0,
    },
)
DIRECT_RECORD = RECORD._replace(defaults={**RECORD.defaults, "delta": 0.1, "aggregation": "min"})


def value(tree: Mapping[str, Array], s: Array) -> Array:
    """V(s)."""
    return output(tree, "value", s)[..., 0]


def least(q: Array) -> Array:
    """The smallest member at every sample, of q (K, ...), with its imaginary part."""
    smallest = q[0]
    for member in q[1:]:
        smallest = np.where(np.real(member) < np.real(smallest), member, smallest)
    return smallest


def values(here: Situation, q: Array) -> tuple[Array, Array, dict[str, Array]]:
    """Eq. 1 with q in place of Q in V's loss: that loss, each member's mean critic loss, and what is measured."""
    config, batch = here.config, here.batch
    v = value(here.live["value"], batch.observations)
    weights = np.where(np.real(v) > q, 1.0 - config.kappa, config.kappa)
    value_loss = np.dot(weights, (q - v) ** 2) / len(q)

    future = batch.masks * value(here.held["value"], batch.next_observations)
    for _ in range(config.chunk):
        future = config.discount * future
    y = batch.rewards + future
    members = critic(here.live["critic"], batch.observations, batch.actions)
    losses = np.stack([np.dot((member - y) ** 2, batch.valid) / len(y) for member in members])
    return (
        value_loss,
        losses,
        {
            "q": members.mean(),
            "q_target": y.mean(),
            "critic_loss": losses.mean(),
            "value_loss": value_loss,
            "v": v.mean(),
        },
    )


def twin_values(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Eq. 1 with the smallest averaged critic, the critics' losses summed."""
    q = least(critic(here.target["critic"], here.batch.observations, here.batch.actions))
    value_loss, critic_losses, metrics = values(here, q)
    return value_loss + critic_losses.sum(), metrics


def joined_value(config: Any, q: Array) -> Array:
    """The Q that actors see, of its members."""
    return least(q) if config.aggregation == "min" else sum(q) / len(q)


def optimal(here: Situation) -> Array:
    """Eq. 16: the data's actions and their moves, whose mean length is δ."""
    a, s = here.batch.actions, here.batch.observations
    gradient = slope(lambda x: joined_value(here.config, critic(here.held["critic"], s, x)), a)
    lengths = np.sqrt((gradient**2).sum(axis=-1))
    return a + gradient * (here.config.delta * len(lengths) / lengths.sum())


def policy(here: Situation, goal: Array) -> tuple[Array, dict[str, Array]]:
    """Eq. 2, or DDPG+BC, for a Gaussian of unit variance: -log π is half a squared distance and a constant."""
    config, batch = here.config, here.batch
    s = batch.observations
    mean = output(here.live["actor"], "mean", s)
    surprise = 0.5 * ((goal - mean) ** 2 + math.log(2.0 * math.pi)).sum(axis=-1)
    if config.extraction == "awr":
        advantage = least(critic(here.held["critic"], s, batch.actions)) - value(here.held["value"], s)
        weight = np.exp(np.minimum(config.inv_temp * advantage, math.log(100.0)))
        loss = np.dot(weight * batch.valid, surprise) / len(surprise)
    else:
        q = least(critic(here.held["critic"], s, clipped(mean)))
        size = np.abs(np.real(q)).mean()
        loss = np.dot(config.bc_weight * surprise - q / size, batch.valid) / len(surprise)
    return loss, {"actor_loss": loss, "log_prob": -surprise.mean()}


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The sum of the three losses, and what is measured."""
    return cloning(here, here.batch.actions)


def direct_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The same with log π at the moved actions."""
    return cloning(here, optimal(here))


def cloning(here: Situation, goal: Array) -> tuple[Array, dict[str, Array]]:
    """Values, and the policy that clones `goal`."""
    total, metrics = twin_values(here)
    actor, actor_metrics = policy(here, goal)
    return total + actor, metrics | actor_metrics


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """A draw with the acting temperature as its deviation."""
    return clipped(output(held["actor"], "mean", s) + noise["z"] * config.temperature)
