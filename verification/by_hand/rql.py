"""RQL once more, from eqs. 4-6 and 14-17 and the details of its release: sample by sample where times differ."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, Tree, ode, output, velocity
from .record import Record, Trained

TARGET = "target.value batch.rewards batch.masks batch.next_observations noise.next_start"
POINT = "online.actor batch.observations batch.actions noise.reversal"
STEP = "online.actor batch.observations batch.actions noise.start noise.time"

READS = {
    "v": f"online.value {POINT}",
    "v_target": TARGET,
    "value_loss": f"online.value {POINT} {TARGET} batch.valid",
    "actor_value": f"online.value {STEP} batch.valid",
    "behaviour_loss": f"{STEP} batch.valid_steps",
}

RECORD = Record(
    updates={"joint": Trained(("value", "actor"))},
    averages={"value": ("before", 1), "actor": ("before", 1, "actor_target_rate", 0)},
    noise={
        "reversal": "uniform B 1",
        "next_start": "normal B A",
        "start": "normal B A",
        "time": "uniform B 1",
    },
    act_noise={"z": "normal A"},
    networks={"value": "S+A+1 -> value:1 norm scalar K", "actor": "S+A+1 -> velocity:A"},
    defaults={
        "bc_weight": 1.0,
        "kappa": 0.9,
        "flow_steps": 10,
        "critics": 10,
        "rho": 0.5,
        "hidden": (512, 512, 512, 512),
        "chunk": 5,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
        "actor_target_rate": 1e-3,
    },
    batches=("by episode",),
)


def value(tree: Tree, s: Array, x: Array, f: Array) -> Array:
    """V_j(s, x, f), members first; f is a number or one for each sample."""
    return output(tree, "value", s, x, np.broadcast_to(f, (*x.shape[:-1], 1)))[..., 0]


def lower_bound(v: Array, rho: float) -> Array:
    """mean - ρ std over members, of the whole population."""
    mean = sum(v) / len(v)
    return mean - rho * np.sqrt(sum((mean - each) ** 2 for each in v) / len(v))


def environment_target(here: Situation) -> Array:
    """Eq. 17: r + γ^h m (mean - ρ std) of the averaged values of fresh noise at the next observation."""
    config, batch = here.config, here.batch
    v = value(here.target["value"], batch.next_observations, here.noise["next_start"], 0.0)
    discount = math.prod([config.discount] * config.chunk)
    return batch.rewards + discount * np.where(batch.masks == 1.0, lower_bound(v, config.rho), 0.0)


def regression(here: Situation, x: Array, f: Array, y: Array) -> tuple[Array, dict[str, Array]]:
    """Eq. 14: errors of values below the target weigh κ, of those above it 1 - κ; invalid windows nothing."""
    v = value(here.live["value"], here.batch.observations, x, f)
    kappa, total = here.config.kappa, 0.0
    for member in v:
        for each, wanted, valid in zip(member, y, here.batch.valid, strict=True):
            weight = kappa if wanted >= np.real(each) else 1.0 - kappa
            total = total + valid * weight * (each - wanted) ** 2
    return total / v.size, {"value_loss": total / v.size, "v": v.mean(), "v_target": y.mean()}


def policy(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Eq. 15 at interpolants: minus the frozen value one flow step later, plus α times flow matching, step by step."""
    config, batch, z, t = here.config, here.batch, here.noise["start"], here.noise["time"]
    x = z + t * (batch.actions - z)
    v = velocity(here.live["actor"], batch.observations, x, t)
    after = np.minimum(t + 1.0 / config.flow_steps, 1.0)
    reached = value(here.held["value"], batch.observations, x + (after - t) * v, after)
    gained = np.dot(reached.mean(axis=0), batch.valid) / len(batch.valid)

    width = v.shape[-1] // config.chunk
    squares = (v - (batch.actions - z)) ** 2
    cloning = 0.0
    for step in range(config.chunk):
        own = squares[:, step * width : (step + 1) * width].sum(axis=-1)
        cloning = cloning + np.dot(own, batch.valid_steps[:, step]) / squares.size
    return config.bc_weight * cloning - gained, {"actor_value": gained, "behaviour_loss": cloning}


def reversed_flow(here: Situation, row: int, back: float) -> Array:
    """Eq. 16 for one sample (1, A): from its action back by `back` in F steps, each velocity at the later time."""
    steps = here.config.flow_steps
    s, x = here.batch.observations[row : row + 1], here.batch.actions[row : row + 1]
    for i in range(steps):
        x = x - back / steps * velocity(here.held["actor"], s, x, 1.0 - i * back / steps)
    return x


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The value's regression at reversed flows and the policy's loss."""
    steps, points, times = here.config.flow_steps, [], []
    for row, (u,) in enumerate(here.noise["reversal"]):
        on_grid = row >= len(here.noise["reversal"]) // 2
        back = math.floor(u * (steps + 1)) / steps if on_grid else u
        points.append(reversed_flow(here, row, back))
        times.append([1.0 - back])
    first, metrics = regression(here, np.concatenate(points), np.array(times), environment_target(here))
    second, others = policy(here)
    return first + second, metrics | others


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The endpoint of the averaged flow."""
    return ode(target["actor"], s, noise["z"], config.flow_steps)
