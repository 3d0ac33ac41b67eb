"""IDQL once more: implicit values, cloning by a residual network, and choice by advantage."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import dql
from .parts import Array, Forest, Situation, Tree, mish, output
from .record import Record, Trained

Y = "online.value batch.next_observations batch.rewards batch.masks"

READS = {
    "value": {
        "value_loss": "online.value target.critic batch.observations batch.actions",
        "value": "online.value batch.observations",
    },
    "critic": {
        "q": "online.critic batch.observations batch.actions",
        "q_target": Y,
        "critic_loss": f"{Y} online.critic batch.observations batch.actions batch.valid",
    },
    "actor": {"behaviour_loss": dql.CLONING},
}

RECORD = Record(
    updates={
        "value": Trained(("value",), every=2),
        "critic": Trained(("critic",), every=2),
        "actor": Trained(("actor", "step")),
    },
    averages={
        "critic": ("after", 2),
        "actor": ("after", 1, "actor_rate", 0),
        "step": ("after", 1, "actor_rate", 0),
    },
    noise={"step": "uniform B 1", "diffusion": "normal B A"},
    act_noise=dql.RECORD.act_noise,
    # of 17 sinusoids: in the record's sizes that is 34
    networks={
        "critic": "S+A -> value:1 norm scalar K mish",
        "value": "S -> value:1 norm scalar mish",
        "actor": "residual A+S+34 -> noise:A width blocks mish",
        "step": "34 -> embedding:34 mish (68,)",
    },
    defaults={
        "kappa": 0.7,
        "diffusion_steps": 5,
        "frequencies": 32,
        "width": 256,
        "blocks": 3,
        "critics": 2,
        "critic_norm": True,
        "hidden": (256, 256),
        "best_of_n": 256,
        "softmax_weight": 10.0,
        "start_scale": 0.5,
        "chunk": 1,
        "discount": 0.99,
        "target_rate": 0.005,
        "actor_rate": 1e-4,
        "learning_rate": 3e-4,
        "batch_size": 256,
    },
)


def value(tree: Tree, s: Array) -> Array:
    """V(s)."""
    return output(tree, "value", s, act=mish)[..., 0]


def value_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Squares weighted by κ where the smallest averaged critic is above V, by 1 - κ where it is below."""
    batch, kappa = here.batch, here.config.kappa
    q = dql.critic(here.target["critic"], batch.observations, batch.actions).min(axis=0)
    v = value(here.live["value"], batch.observations)
    above = np.real(q - v) > 0.0
    loss = (kappa * sum((q - v)[above] ** 2) + (1.0 - kappa) * sum((q - v)[~above] ** 2)) / len(v)
    return loss, {"value_loss": loss, "value": v.mean()}


def critic_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Squares averaged over critics and the whole batch."""
    config, batch = here.config, here.batch
    y = batch.rewards + batch.masks * config.discount**config.chunk * value(here.held["value"], batch.next_observations)
    q = dql.critic(here.live["critic"], batch.observations, batch.actions)
    loss = sum(np.dot((member - y) ** 2, batch.valid) for member in q) / q.size
    return loss, {"critic_loss": loss, "q": q.mean(), "q_target": y.mean()}


def actor_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """DQL's cloning."""
    loss = dql.cloning(here)
    return loss, {"behaviour_loss": loss}


def samples(config: Any, target: Forest, s: Array, chain: Array) -> list[Array]:
    """A chain of the averaged policy for each candidate of noise (..., T, n, A)."""
    found = []
    for n in range(chain.shape[-2]):
        steps = [chain[..., i, n, :] for i in range(chain.shape[-3])]
        found.append(dql.chain_action(target, config, s, config.start_scale * steps[0], np.array(steps[1:])))
    return found


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The largest Gumbel number plus weighted advantage min Q - V."""
    candidates = samples(config, target, s, noise["chain"])
    v = value(held["value"], s)
    scores = [
        config.softmax_weight * (dql.critic(target["critic"], s, a).min(axis=0) - v)
        - np.log(np.log(1.0 / noise["choice"][..., n]))
        for n, a in enumerate(candidates)
    ]
    return np.take_along_axis(np.stack(candidates), np.argmax(scores, axis=0)[None, ..., None], axis=0)[0]


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The first candidate."""
    return samples(config, target, s, noise["chain"])[0]


LOSSES = {"value": value_update, "critic": critic_update, "actor": actor_update}
