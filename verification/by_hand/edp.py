"""EDP once more: data prediction, one-step estimates for the value, DPM-Solver++(2M) in the solver's own terms."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import dql
from .parts import Array, Forest, Situation, clipped
from .record import Record, Trained

POLICY = "online.actor online.step noise.step noise.diffusion batch.observations batch.actions"

READS = {
    "critic": {name: reads.replace("noise.next_chain", "noise.next_start") for name, reads in dql.CRITIC_READS.items()},
    "actor": {"behaviour_loss": f"{POLICY} batch.valid", "normalised_q": f"{POLICY} online.critic noise.pair"},
}

RECORD = Record(
    updates={"critic": Trained(("critic",)), "actor": Trained(("actor", "step"))},
    averages=dql.RECORD.averages,
    noise={
        "step": "uniform B 1",
        "diffusion": "normal B A",
        "next_start": "normal backup_candidates B A",
        "pair": "uniform 1",
    },
    act_noise=dql.DDIM_RECORD.act_noise,
    networks={
        "critic": "S+A -> value:1 norm scalar K mish",
        "actor": "A+S+58 -> action:A mish",
        "step": "58 -> embedding:58 mish (116,)",
    },
    defaults={
        **dql.SHARED_DEFAULTS,
        "critic_norm": True,
        "softmax_weight": 50.0,
        "diffusion_steps": 50,
        "sampling_steps": 15,
        "frequencies": 32,
        "acting_policy": "target",
        "start_scale": 0.5,
    },
)


def solved(forest: Forest, config: Any, s: Array, start: Array) -> Array:
    """x ← (σ'/σ) x - √ᾱ' (e^{-h} - 1) D with D from the last two clipped data estimates; at the end the estimate."""
    T, n = config.diffusion_steps, config.sampling_steps
    _, kept = dql.noise_levels(T)
    visited = sorted({math.ceil(T * left / n) for left in range(1, n + 1)}, reverse=True)
    x, before, length_before = start, None, None
    for i, step in enumerate(visited):
        k = np.full((*x.shape[:-1], 1), float(step))
        data = clipped(dql.network(forest, "action", config, s, x, k))
        if i + 1 == len(visited):
            return data
        now, then = kept[step], kept[visited[i + 1]]
        h = 0.5 * (math.log(then / (1.0 - then)) - math.log(now / (1.0 - now)))
        if before is None or length_before is None:
            D = data
        else:
            r = length_before / h
            D = (1.0 + 0.5 / r) * data - 0.5 / r * before
        x = math.sqrt((1.0 - then) / (1.0 - now)) * x - math.sqrt(then) * (math.exp(-h) - 1.0) * D
        before, length_before = data, h
    raise AssertionError("no step was visited")


def critic_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The critics' loss, one candidate after the other."""
    s = here.batch.next_observations
    candidates = np.stack([solved(here.target, here.config, s, start) for start in here.noise["next_start"]])
    return dql.critic_loss(here, candidates)


def actor_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The estimates' distance from the data, and their value; neither is clipped."""
    x, k = dql.noised(here)
    estimates = dql.network(here.live, "action", here.config, here.batch.observations, x, k)
    distances = [sum((d - a) ** 2) / len(a) for d, a in zip(estimates, here.batch.actions, strict=True)]
    return dql.actor_loss(here, np.dot(distances, here.batch.valid) / len(distances), estimates)


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """A solution for each candidate's start (..., n, A)."""
    policy = dql.acting(config, held, target)
    starts = np.moveaxis(noise["start"], -2, 0)
    candidates = [solved(policy, config, s, config.start_scale * start) for start in starts]
    return dql.chosen(config, target, s, candidates, noise["choice"])


LOSSES = {"critic": critic_update, "actor": actor_update}
