"""OFQL once more, in the paper's own time, 0 = data and 1 = noise, from eqs. 8 and 14-17."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import dql
from .parts import STEP, Array, Forest, Situation, Tree, clipped, mish, output
from .record import Record, Trained

NEXT = "target.actor target.critic noise.next_action batch.next_observations batch.rewards batch.masks"

READS = {
    "critic": {
        "q": "online.critic batch.observations batch.actions",
        "q_target": NEXT,
        "critic_loss": f"{NEXT} online.critic batch.observations batch.actions batch.valid",
    },
    "actor": {
        "behaviour_loss": "online.actor noise.times noise.flow batch.observations batch.actions batch.valid",
        "normalised_q": "online.actor online.critic noise.policy noise.pair batch.observations batch.actions",
    },
}

RECORD = Record(
    updates={
        "critic": Trained(("critic",), clip_norm="grad_norm"),
        "actor": Trained(("actor",), clip_norm="grad_norm"),
    },
    averages={"critic": ("after", 1), "actor": dql.POLICY_AVERAGE},
    noise={
        "times": "normal 2 B 1",
        "flow": "normal B A",
        "policy": "normal B A",
        "next_action": "normal backup_candidates B A",
        "pair": "uniform 1",
    },
    act_noise=dql.DDIM_RECORD.act_noise,
    # of 23 sinusoids: in the record's sizes that is 46
    networks={"critic": "S+A -> value:1 scalar K mish", "actor": "S+A+46+46 -> velocity:A mish"},
    defaults={
        **dql.SHARED_DEFAULTS,
        "eta": 0.1,
        "q_scale_at": "data",
        "best_of_n": 1,
        "flow_ratio": 0.5,
        "time_mean": -0.4,
        "time_std": 1.0,
        "frequencies": 32,
        "time_scale": 1.0,
        "grad_norm": 9.0,
    },
)


def average_velocity(tree: Tree, config: Any, s: Array, a: Array, r: Array, t: Array) -> Array:
    """The paper's u(a_t, r, t; s), from data to noise: the network is told 1 - t and 1 - r and points the other way."""
    told = [dql.sinusoids(config.time_scale * (1.0 - time), config.frequencies) for time in (t, r)]
    return -output(tree, "velocity", s, a, *told, act=mish)


def one_step(tree: Tree, config: Any, s: Array, epsilon: Array) -> Array:
    """Eq. 16, clipped."""
    still = np.zeros((*epsilon.shape[:-1], 1))
    return clipped(epsilon - average_velocity(tree, config, s, epsilon, still, still + 1.0))


def cloning(here: Situation) -> Array:
    """Eqs. 14 and 15: the conditional velocity less (t - r) times the slope of u along the path."""
    config, batch, epsilon = here.config, here.batch, here.noise["flow"]
    times = np.sort(1.0 / (1.0 + np.exp(-config.time_mean - config.time_std * here.noise["times"])), axis=0)
    r, t = times[0].copy(), times[1]
    for row in range(len(t)):
        if row + 1 <= config.flow_ratio * len(t) + 1e-9:
            r[row] = t[row]
    a_t, v = (1.0 - t) * batch.actions + t * epsilon, epsilon - batch.actions
    ahead = average_velocity(here.held["actor"], config, batch.observations, a_t + 1j * STEP * v, r, t + 1j * STEP)
    target = v - (t - r) * ahead.imag / STEP
    off = average_velocity(here.live["actor"], config, batch.observations, a_t, r, t) - target
    return np.dot((off**2).sum(axis=-1), batch.valid) / off.size


def critic_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The critics' loss at the averaged policy's actions."""
    s = here.batch.next_observations
    starts = here.noise["next_action"]
    return dql.critic_loss(here, np.stack([one_step(here.target["actor"], here.config, s, z) for z in starts]))


def actor_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Cloning and the value."""
    actions = one_step(here.live["actor"], here.config, here.batch.observations, here.noise["policy"])
    return dql.actor_loss(here, cloning(here), actions)


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """One step from each start (..., n, A)."""
    starts = np.moveaxis(noise["start"], -2, 0)
    candidates = [one_step(held["actor"], config, s, z) for z in starts]
    return dql.chosen(config, target, s, candidates, noise["choice"])


LOSSES = {"critic": critic_update, "actor": actor_update}
