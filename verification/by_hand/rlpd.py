"""RLPD once more: soft actor-critic with a pessimistic ensemble, as the QAM paper's release has it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, Tree, clipped, critic, output, pessimistic_target
from .record import Record, Trained

SAMPLE = "online.actor noise.action batch.observations"
TARGET = "online.actor noise.next_action target.critic batch.rewards batch.masks batch.next_observations"
READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": TARGET,
    "critic_loss": f"{TARGET} online.critic batch.observations batch.actions batch.valid",
    "actor_q": f"{SAMPLE} online.critic",
    "entropy": SAMPLE,
    "log_temp": "online.log_temp",
    "bc_log_prob": "online.actor batch.observations batch.actions batch.valid",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "actor", "log_temp"))},
    averages={"critic": ("before", 1)},
    noise={"next_action": "normal B A", "action": "normal B A"},
    act_noise={"action": "normal A"},
    networks={"critic": "S+A -> value:1 norm scalar K", "actor": "S -> mean:A log_std:A", "log_temp": "0"},
    defaults={
        "critics": 10,
        "rho": 0.5,
        "bc_weight": 0.0,
        "temperature": 1.0,
        "hidden": (512, 512, 512, 512),
        "chunk": 5,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
    },
    batches=("balanced",),
)


def gaussian(tree: Tree, s: Array) -> tuple[Array, Array]:
    """Mean and log standard deviation of the action before its tanh."""
    return output(tree, "mean", s), clipped(output(tree, "log_std", s), -20.0, 2.0)


def sample(tree: Tree, s: Array, noise: Array) -> tuple[Array, Array]:
    """A policy's action and its log-density: each dimension's normal density over the slope 4 / (e^u + e^-u)²."""
    mean, log_std = gaussian(tree, s)
    u = mean + np.exp(log_std) * noise
    density = 0.0
    for d in range(u.shape[-1]):
        slope = 4.0 / (np.exp(u[..., d]) + np.exp(-u[..., d])) ** 2
        density = density - 0.5 * noise[..., d] ** 2 - 0.5 * math.log(2.0 * math.pi) - log_std[..., d] - np.log(slope)
    return np.tanh(u), density


def likelihood(tree: Tree, s: Array, actions: Array) -> Array:
    """log-density of given actions of the open box, by the Gaussian at ½ log((1 + a)/(1 - a))."""
    mean, log_std = gaussian(tree, s)
    a = clipped(actions, -1.0 + 1e-5, 1.0 - 1e-5)
    u = 0.5 * np.log((1.0 + a) / (1.0 - a))
    normal = -((u - mean) ** 2) / (2.0 * np.exp(2.0 * log_std)) - log_std - 0.5 * math.log(2.0 * math.pi)
    return (normal - np.log((1.0 - a) * (1.0 + a))).sum(axis=-1)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critics, policy and temperature."""
    config, batch = here.config, here.batch
    next_actions, _ = sample(here.held["actor"], batch.next_observations, here.noise["next_action"])
    y = pessimistic_target(here, next_actions)
    q = critic(here.live["critic"], batch.observations, batch.actions)
    critic_loss = sum(np.dot((member - y) ** 2, batch.valid) for member in q) / q.size

    action, density = sample(here.live["actor"], batch.observations, here.noise["action"])
    values = critic(here.held["critic"], batch.observations, action)
    mean = values.mean(axis=0)
    value = (mean - config.rho * np.sqrt(((values - mean) ** 2).mean(axis=0))).mean()
    known = likelihood(here.live["actor"], batch.observations, batch.actions)[batch.valid == 1.0].sum() / len(y)

    _, held = sample(here.held["actor"], batch.observations, here.noise["action"])
    wanted = -0.5 * action.shape[-1]
    temperature = np.exp(here.live["log_temp"]["value"]) * (-held.mean() - wanted)
    policy = np.exp(here.held["log_temp"]["value"]) * density.mean() - value - config.bc_weight * known
    return critic_loss + policy + temperature, {
        "q": q.mean(),
        "q_target": y.mean(),
        "critic_loss": critic_loss,
        "actor_q": value,
        "entropy": -density.mean(),
        "log_temp": here.held["log_temp"]["value"],
        "bc_log_prob": known,
    }


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """A sample, its noise times the temperature."""
    return sample(held["actor"], s, config.temperature * noise["action"])[0]
