"""DSRL once more, from eqs. 80-83, with σ_z, the entropy term and the averaged flow of the released code."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .flow_actor_critic import DEFAULTS, NOISE, reads, value_and_cloning
from .parts import Array, Forest, Situation, Tree, clipped, critic, highest, ode, output
from .record import Record, Trained

READS = reads("online.latent target.flow noise.next_action") | {
    "latent_critic_loss": "online.latent_critic online.critic target.flow batch.observations noise.start",
    "latent_q": "online.latent online.latent_critic batch.observations noise.latent",
    "entropy": "online.latent batch.observations noise.latent",
    "log_temp": "online.log_temp",
}
RECORD = Record(
    updates={"joint": Trained(("critic", "latent_critic", "flow", "latent", "log_temp"))},
    averages={"critic": ("before", 1), "flow": ("before", 1)},
    noise={**NOISE, "start": "normal B A", "latent": "normal B A"},
    act_noise={"z": "normal n A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "latent_critic": "S+A -> value:1 norm scalar K",
        "flow": "S+A+1 -> velocity:A",
        "latent": "S -> mean:A log_std:A",
        "log_temp": "0",
    },
    defaults={**DEFAULTS, "latent_scale": 0.4},
)


def drawn(tree: Tree, s: Array, noise: Array) -> tuple[Array, Array]:
    """u of the policy, and log π(u | s) = log N - Σ log(du/dx) with du/dx = 1/cosh²."""
    log_std = clipped(output(tree, "log_std", s), -20.0, 2.0)
    x = output(tree, "mean", s) + np.exp(log_std) * noise
    density = -0.5 * noise**2 - 0.5 * math.log(2.0 * math.pi) - log_std
    return np.tanh(x), (density - np.log(np.cosh(x) ** -2.0)).sum(axis=-1)


def steered(config: Any, held: Forest, target: Forest, s: Array, noise: Array) -> Array:
    """The best of the candidates that noise (n, ..., A) leads through policy and averaged flow."""
    starts = config.latent_scale * drawn(held["latent"], s, noise)[0]
    candidates = ode(target["flow"], s, starts, config.flow_steps)
    return highest(candidates, critic(held["critic"], s, candidates))


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic and flow, the noise's critic, the policy's value and entropy, the temperature's."""
    config, held, s = here.config, here.held, here.batch.observations
    total, metrics = value_and_cloning(
        here, steered(config, held, here.target, here.batch.next_observations, here.noise["next_action"])
    )

    z = here.noise["start"]
    wanted = critic(held["critic"], s, ode(here.target["flow"], s, z, config.flow_steps))
    off = critic(here.live["latent_critic"], s, z) - wanted
    distilled = sum((member**2).mean() for member in off) / len(off)

    u, density = drawn(here.live["latent"], s, here.noise["latent"])
    value = sum(member.mean() for member in critic(held["latent_critic"], s, config.latent_scale * u)) / len(off)
    entropy = -drawn(held["latent"], s, here.noise["latent"])[1].mean()
    held_temp, live_temp = held["log_temp"]["value"], here.live["log_temp"]["value"]
    policy = np.exp(held_temp) * density.mean() - value
    temperature = np.exp(live_temp) * (entropy + u.shape[-1] / 2.0)

    return total + distilled + policy + temperature, metrics | {
        "latent_critic_loss": distilled,
        "latent_q": value,
        "entropy": entropy,
        "log_temp": held_temp,
    }


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The steered action, the best of the candidates of z (..., n, A)."""
    ends = [steered(config, held, target, s, noise["z"][None, ..., j, :]) for j in range(noise["z"].shape[-2])]
    return highest(np.stack(ends), critic(held["critic"], s, np.stack(ends)))
