"""TFQL once more: eq. 11 on the transitions of eqs. 9 and 10, sample by sample along the whole reversed flow."""

import math

import numpy as np

from . import rql
from .parts import Array, Situation, velocity
from .record import Record

READS = rql.READS | {"v_target": f"{rql.TARGET} {rql.POINT}"}

RECORD = Record(
    updates=rql.RECORD.updates,
    averages=rql.RECORD.averages,
    noise=rql.RECORD.noise,
    act_noise=rql.RECORD.act_noise,
    networks=rql.RECORD.networks,
    defaults={**rql.RECORD.defaults, "flow_rho": 0.5},
    batches=rql.RECORD.batches,
)


def reversed_path(here: Situation, row: int) -> list[Array]:
    """One sample's x¹, x^{1-1/F}, ..., x⁰, each (1, A): eq. 8 from its action."""
    steps = here.config.flow_steps
    s, path = here.batch.observations[row : row + 1], [here.batch.actions[row : row + 1]]
    for i in range(steps):
        path.append(path[-1] - velocity(here.held["actor"], s, path[-1], (steps - i) / steps) / steps)
    return path


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """One transition of each sample's expanded trajectory, and the policy's loss."""
    steps = here.config.flow_steps
    y = rql.environment_target(here)
    points, times = [], []
    for row, (u,) in enumerate(here.noise["reversal"]):
        k, path = steps - math.floor(u * (steps + 1)), reversed_path(here, row)
        points.append(path[k])
        times.append([(steps - k) / steps])
        if k > 0:
            s = here.batch.observations[row : row + 1]
            v = rql.value(here.target["value"], s, path[k - 1], (steps - k + 1) / steps)
            y[row] = rql.lower_bound(v, here.config.flow_rho)[0]
    first, metrics = rql.regression(here, np.concatenate(points), np.array(times), y)
    second, others = rql.policy(here)
    return first + second, metrics | others
