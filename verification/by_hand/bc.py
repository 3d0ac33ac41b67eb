"""Behaviour cloning once more: squared errors of a deterministic policy."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, Tree, output, relu
from .record import Record, Trained

READS = {"behaviour_loss": "online.actor batch.observations batch.actions batch.valid"}


RECORD = Record(
    updates={"actor": Trained(("actor",))},
    averages={},
    noise={},
    act_noise={},
    networks={"actor": "S -> action:A relu"},
    defaults={
        "hidden": (256, 256),
        "chunk": 1,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "discount": 0.99,
        "target_rate": 5e-3,
    },
)


def policy(tree: Tree, s: Array) -> Array:
    """tanh μ(s) by exponentials, ReLU inside."""
    up = np.exp(2.0 * output(tree, "action", s, act=relu))
    return (up - 1.0) / (up + 1.0)


def cloning(here: Situation) -> Array:
    """The mean over windows and action dimensions; windows outside their episode count as zero."""
    batch, total = here.batch, 0.0
    for action, data, valid in zip(
        policy(here.live["actor"], batch.observations), batch.actions, batch.valid, strict=True
    ):
        total = total + valid * np.mean((action - data) ** 2)
    return total / len(batch.valid)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Cloning alone."""
    total = cloning(here)
    return total, {"behaviour_loss": total}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The policy's action."""
    return policy(held["actor"], s)
