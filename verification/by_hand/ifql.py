"""IFQL and DIFQL once more, from DOAL's eqs. 1, 3, 9, 16 and 18; the two releases' values by their names."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import iql
from .parts import Array, Forest, Situation, critic, ode, velocity
from .record import Record, Trained

FLOW = "online.flow batch.observations batch.actions batch.valid noise.time noise.flow"
READS = iql.VALUE_READS | {"flow_loss": FLOW}
DIRECT_READS = iql.VALUE_READS | {"flow_loss": f"{FLOW} online.critic"}

VALUE_DEFAULTS = {
    name: value
    for name, value in iql.RECORD.defaults.items()
    if name not in ("extraction", "inv_temp", "bc_weight", "temperature")
}
RECORD = Record(
    updates={"joint": Trained(("critic", "value", "flow"))},
    averages={"critic": ("before", 1)},
    noise={"time": "uniform B 1", "flow": "normal B A"},
    act_noise={"z": "normal n A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "value": "S -> value:1 norm scalar",
        "flow": "S+A+1 -> velocity:A",
    },
    defaults={**VALUE_DEFAULTS, "source": "fql", "rho": 0.5, "flow_steps": 10, "best_of_n": 32},
)
DIRECT_RECORD = RECORD._replace(
    defaults={**RECORD.defaults, "delta": 0.1, "aggregation": "min", "bc_weight": 10.0},
)


def both_values(here: Situation) -> tuple[Array, dict[str, Array]]:
    """FQL's release: smallest averaged critic, summed losses. QAM's: mean - ρ std of the population, averaged."""
    if here.config.source == "fql":
        return iql.twin_values(here)
    q = critic(here.target["critic"], here.batch.observations, here.batch.actions)
    mean = sum(q) / len(q)
    lower = mean - here.config.rho * np.sqrt(sum((each - mean) ** 2 for each in q) / len(q))
    value_loss, critic_losses, metrics = iql.values(here, lower)
    return value_loss + critic_losses.mean(), metrics


def matching(here: Situation, data: Array) -> Array:
    """Flow matching of `data` from noise, in the paper's time r = 1 - t: v at (1-r) a + r z is a - z."""
    r, z = 1.0 - here.noise["time"], here.noise["flow"]
    v = velocity(here.live["flow"], here.batch.observations, (1.0 - r) * data + r * z, 1.0 - r)
    return np.dot(((v + z - data) ** 2).sum(axis=-1), here.batch.valid) / v.size


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Values and the flow of the data's actions."""
    total, metrics = both_values(here)
    flow = matching(here, here.batch.actions)
    return total + flow, metrics | {"flow_loss": flow}


def direct_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Values and α times the flow of the moved actions."""
    total, metrics = both_values(here)
    flow = matching(here, iql.optimal(here))
    return total + here.config.bc_weight * flow, metrics | {"flow_loss": flow}


def ranked(held: Forest, s: Array, candidates: Array) -> Array:
    """Of the candidates (n, B, A) that of the largest value of the smallest critic."""
    q = critic(held["critic"], s, candidates)
    rows = [int(np.argmax([min(q[:, n, b]) for n in range(q.shape[1])])) for b in range(q.shape[2])]
    return np.stack([candidates[n, b] for b, n in enumerate(rows)])


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The best of the flow's ends from z (B, n, A)."""
    starts = [noise["z"][:, n] for n in range(noise["z"].shape[1])]
    return ranked(held, s, np.stack([ode(held["flow"], s, z, config.flow_steps) for z in starts]))
