"""What the methods of the QAM paper with one flow share, from its eqs. 17 and 26 and Table 3."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, critic, highest, ode, pessimistic_target, velocity

BACKUP = "target.critic batch.rewards batch.masks batch.next_observations"
CRITIC = f"{BACKUP} online.critic batch.observations batch.actions batch.valid"
CLONING = "online.flow batch.observations batch.actions batch.valid noise.time noise.behaviour"

NOISE = {"time": "uniform B 1", "behaviour": "normal B A", "next_action": "normal n B A"}
ACT_NOISE = {"z": "normal n A"}
NETWORKS = {"critic": "S+A -> value:1 norm scalar K", "flow": "S+A+1 -> velocity:A"}
CRITIC_DEFAULTS = {
    "critics": 10,
    "rho": 0.5,
    "hidden": (512, 512, 512, 512),
    "chunk": 5,
    "discount": 0.99,
    "batch_size": 256,
    "learning_rate": 3e-4,
    "target_rate": 5e-3,
}
DEFAULTS = {**CRITIC_DEFAULTS, "flow_steps": 10, "best_of_n": 1}


def reads(policy: str) -> dict[str, str]:
    """What the metrics of the critic depend on, for next actions that depend on `policy`, and those of cloning."""
    return {
        "q": "online.critic batch.observations batch.actions",
        "q_target": f"{policy} {BACKUP}",
        "critic_loss": f"{policy} {CRITIC}",
        "behaviour_loss": CLONING,
    }


def chosen(config: Any, held: Forest, s: Array, z: Array) -> Array:
    """The flow's endpoint, the best of the candidates that z (n, ..., A) leads."""
    candidates = np.stack([ode(held["flow"], s, each, config.flow_steps) for each in z])
    return highest(candidates, critic(held["critic"], s, candidates))


def next_chosen(here: Situation) -> Array:
    """The flow's action at the next observation."""
    return chosen(here.config, here.held, here.batch.next_observations, here.noise["next_action"])


def critic_error(here: Situation, y: Array) -> tuple[Array, dict[str, Array]]:
    """Every member's and window's squared error, those of windows that leave their episode counted as none."""
    q = critic(here.live["critic"], here.batch.observations, here.batch.actions)
    error = np.einsum("kb,kb,b->", q - y, q - y, here.batch.valid) / (len(q) * len(y))
    return error, {"critic_loss": error, "q": q.mean(), "q_target": y.mean()}


def cloning_errors(here: Situation, network: str) -> Array:
    """Each window's error of the flow between noise and action, averaged over the action."""
    batch, z, t = here.batch, here.noise["behaviour"], here.noise["time"]
    straight = batch.actions - z
    off = velocity(here.live[network], batch.observations, z + t * straight, t) - straight
    return np.einsum("ba,ba->b", off, off) / off.shape[-1]


def cloning_error(here: Situation, network: str) -> Array:
    """Their mean over all windows, those that leave their episode counted as none."""
    return np.dot(cloning_errors(here, network), here.batch.valid) / len(here.batch.valid)


def value_error(here: Situation, next_actions: Array) -> tuple[Array, dict[str, Array]]:
    """The critics' error against the pessimistic target at whichever next actions."""
    return critic_error(here, pessimistic_target(here, next_actions))


def value_and_cloning(here: Situation, next_actions: Array) -> tuple[Array, dict[str, Array]]:
    """Critics and cloned flow, whoever chose the next actions."""
    error, metrics = value_error(here, next_actions)
    cloning = cloning_error(here, "flow")
    return error + cloning, metrics | {"behaviour_loss": cloning}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The flow's endpoint, the best of the candidates of z (..., n, A)."""
    return chosen(config, held, s, np.moveaxis(noise["z"], -2, 0))


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The flow's endpoint from the first noise."""
    return ode(held["flow"], s, np.moveaxis(noise["z"], -2, 0)[0], config.flow_steps)
