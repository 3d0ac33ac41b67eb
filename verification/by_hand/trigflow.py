"""TrigFlow, DTrigFlow and TrigFlow-QL once more, from DOAL's eqs. 5-9, 16, 19 and A.3.4.

With F* = cos(t) z - sin(t) a the estimate is a - sin(t) (F - F*), so the loss is sin²(t) ‖F - F*‖².
"""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import ifql, iql
from .parts import Array, Forest, Situation, clipped, critic, velocity

READS = ifql.READS
DIRECT_READS = ifql.DIRECT_READS
PULLED_READS = READS | {"actor_q": f"{ifql.FLOW} online.critic"}

DEFAULTS = {name: value for name, value in ifql.RECORD.defaults.items() if name not in ("source", "rho")}
RECORD = ifql.RECORD._replace(defaults=DEFAULTS)
DIRECT_RECORD = RECORD._replace(defaults={**DEFAULTS, "delta": 0.1, "aggregation": "min"})
PULLED_RECORD = RECORD._replace(defaults={**DEFAULTS, "bc_weight": 10.0, "aggregation": "min"})


def shortfall(here: Situation, data: Array) -> Array:
    """The estimate minus the data, -sin(t) (F - F*), at the angle of each sample."""
    angle, z = here.noise["time"] * (math.pi / 2.0), here.noise["flow"]
    c, s = np.cos(angle), np.sin(angle)
    return -s * (velocity(here.live["flow"], here.batch.observations, c * data + s * z, angle) - (c * z - s * data))


def off(here: Situation, data: Array) -> Array:
    """Mean squared shortfall over dimensions and the whole batch, zero on windows that leave their episode."""
    missed = shortfall(here, data)
    return np.dot((missed**2).sum(axis=-1), here.batch.valid) / missed.size


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Values and the estimate of the data's actions."""
    total, metrics = iql.twin_values(here)
    flow = off(here, here.batch.actions)
    return total + flow, metrics | {"flow_loss": flow}


def direct_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Values and the estimate of the moved actions, from circles that begin there."""
    total, metrics = iql.twin_values(here)
    flow = off(here, iql.optimal(here))
    return total + flow, metrics | {"flow_loss": flow}


def pulled_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Values, α times the estimate's loss, minus the value of the clipped estimate."""
    total, metrics = loss(here)
    batch = here.batch
    estimate = clipped(batch.actions + shortfall(here, batch.actions))
    q = iql.joined_value(here.config, critic(here.held["critic"], batch.observations, estimate))
    pull = np.dot(q, batch.valid) / len(q)
    return total + (here.config.bc_weight - 1.0) * metrics["flow_loss"] - pull, metrics | {"actor_q": pull}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """Eq. 8 from angle k to angle t, from π/2 to 0, for each z of (B, n, A); the best by the smallest critic."""
    angles = np.linspace(math.pi / 2.0, 0.0, config.flow_steps + 1)
    ends = []
    for n in range(noise["z"].shape[1]):
        x = noise["z"][:, n]
        for k, t in itertools.pairwise(angles):
            x = math.cos(k - t) * x - math.sin(k - t) * velocity(held["flow"], s, x, k)
        ends.append(clipped(x))
    return ifql.ranked(held, s, np.stack(ends))
