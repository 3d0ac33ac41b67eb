"""QAM-EDIT once more, from eqs. 30 and 77, with the entropy term of the released code."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import qam
from .parts import Array, Forest, Situation, Tree, clipped, critic, highest, ode, output
from .record import Record, Trained

EDIT = "online.fast online.edit noise.flow noise.edit batch.observations"
NEXT = "online.edit noise.next_edit"

READS = qam.READS | {
    "q_target": f"{qam.READS['q_target']} {NEXT}",
    "critic_loss": f"{qam.READS['critic_loss']} {NEXT}",
    "edit_q": f"{EDIT} online.critic",
    "entropy": EDIT,
    "log_temp": "online.log_temp",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "slow", "fast", "edit", "log_temp"), clip_norm=1.0)},
    averages=qam.RECORD.averages,
    noise={**qam.RECORD.noise, "next_edit": "normal n B A", "flow": "normal B A", "edit": "normal B A"},
    act_noise={"z": "normal n A", "edit": "normal n A"},
    networks={**qam.RECORD.networks, "edit": "S+A -> mean:A log_std:A", "log_temp": "0"},
    defaults={**qam.RECORD.defaults, "edit_scale": 0.1},
)


def edited(config: Any, tree: Tree, s: Array, flow: Array, noise: Array) -> tuple[Array, Array]:
    """clip(ã + σ_a Δ) and log π(Δ | s, ã) with Δ the tanh of a Gaussian u: log N(u) + 2 Σ log cosh u."""
    log_std = clipped(output(tree, "log_std", s, flow), -20.0, 2.0)
    u = output(tree, "mean", s, flow) + np.exp(log_std) * noise
    gaussian = -0.5 * noise**2 - log_std - 0.5 * math.log(2.0 * math.pi)
    density = (gaussian + 2.0 * np.log(np.cosh(u))).sum(axis=-1)
    return clipped(flow + config.edit_scale * np.tanh(u)), density


def chosen(config: Any, held: Forest, s: Array, z: Array, noise: Array) -> Array:
    """The best of the candidates that z and noise (n, ..., A) lead."""
    candidates, _ = edited(config, held["edit"], s, ode(held["fast"], s, z, config.flow_steps), noise)
    return highest(candidates, critic(held["critic"], s, candidates))


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """QAM's three losses, the edit's value and entropy, and the temperature's."""
    s, noise = here.batch.observations, here.noise
    after = chosen(here.config, here.held, here.batch.next_observations, noise["next_action"], noise["next_edit"])
    total, metrics = qam.shared(here, after)

    flow = ode(here.held["fast"], s, noise["flow"], here.config.flow_steps)
    action, density = edited(here.config, here.live["edit"], s, flow, noise["edit"])
    value = critic(here.held["critic"], s, action).mean()
    entropy = -edited(here.config, here.held["edit"], s, flow, noise["edit"])[1].mean()
    wanted = -0.5 * action.shape[-1]

    total = total - value + np.exp(here.held["log_temp"]["value"]) * density.mean()
    total = total + np.exp(here.live["log_temp"]["value"]) * (entropy - wanted)
    return total, metrics | {"edit_q": value, "entropy": entropy, "log_temp": here.held["log_temp"]["value"]}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The edited action, the best of the candidates of z and edit (..., n, A)."""
    return chosen(config, held, s, np.moveaxis(noise["z"], -2, 0), np.moveaxis(noise["edit"], -2, 0))
