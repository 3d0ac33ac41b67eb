"""EVOR once more, from its Algorithms 1-3 and eqs. 12, 19, 20, 39 and 40, and the exact law of r + g Z', eq. 18."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import qc
from .parts import Array, Forest, Situation, Tree, ode, output
from .record import Record, Trained

AFTER = "online.flow noise.next_action batch.next_observations batch.rewards batch.masks target.value"
POINT = "noise.return_start noise.return_time noise.return_noise"
HERE = "batch.observations batch.actions"

READS = {
    "velocity": f"online.value target.value {HERE} {POINT}",
    "velocity_target": f"{AFTER} {HERE} {POINT}",
    "value_loss": f"online.value {AFTER} {HERE} {POINT} batch.valid",
    "return": f"target.value {HERE} noise.return_start",
    "behaviour_loss": qc.READS["behaviour_loss"],
}
BELLMAN_READS = {
    "velocity": f"online.value {AFTER} {HERE} {POINT}",
    "velocity_target": f"{AFTER} {POINT}",
    "value_loss": READS["value_loss"],
    "return": f"{AFTER} noise.return_start",
    "behaviour_loss": qc.READS["behaviour_loss"],
}

RECORD = Record(
    updates={"joint": Trained(("value", "flow"))},
    averages={"value": ("before", 1)},
    noise={
        "time": "uniform B 1",
        "behaviour": "normal B A",
        "next_action": "normal B A",
        "return_start": "normal B 1",
        "return_time": "uniform B 1",
        "return_noise": "normal B 1",
    },
    act_noise={"z": "normal n A", "return_start": "normal n return_samples 1", "choice": "uniform n"},
    networks={"value": "S+A+1+1 -> velocity:1 norm", "flow": "S+A+1 -> velocity:A"},
    defaults={
        "return_samples": 50,
        "return_temp": 1.0,
        "action_temp": 1e-3,
        "best_of_n": 32,
        "flow_steps": 10,
        "hidden": (512, 512, 512, 512),
        "chunk": 1,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
    },
)


At = tuple[Tree, Array, Array]  # parameters, observation, action


def s_at(tree: Tree, x: Array, a: Array, z: Any, t: float) -> Any:
    """s(z, t | x, a) of one observation and action, for a number z or an array of them."""
    number = np.asarray(z)[..., None]
    return output(tree, "velocity", x, a, number, np.full(number.shape, t))[..., 0]


def return_of(tree: Tree, x: Array, a: Array, start: Any, steps: int) -> Any:
    """Where the flow of returns of one observation and action carries a start, or each of an array."""
    z = start
    for i in range(steps):
        z = z + s_at(tree, x, a, z, i / steps) / steps
    return z


def printed(value: At, after: At, r: float, g: float, t: float, z0: float, start: float, steps: int) -> Any:
    """z¹ of the pair itself, zᵗ, and r + g s̄(zᵗ, t | x', a')."""
    z1 = return_of(*value, start, steps)
    z_t = z0 + t * (z1 - z0)
    return z1, z_t, r + g * s_at(*after, z_t, t)


def bellman(value: At, after: At, r: float, g: float, t: float, z0: float, start: float, steps: int) -> Any:
    """z¹ = r + g z', zᵗ, and the velocity at zᵗ of the law of r + g Z'.

    The path (1-t) z⁰ + t (r + g z') is t r + k y, where y is the point at time w = t g/k of the path from z⁰ to z' and
    k = 1 - t + t g. Its velocity, given zᵗ, is r + k' y + k w' E[z' - z⁰ | y], with k' = g - 1 and w' = g/k².
    """
    z_next = return_of(*after, start, steps)
    z1 = r + g * z_next
    k = 1.0 - t * (1.0 - g)
    w = t * g / k
    y = (1.0 - w) * z0 + w * z_next
    speed = s_at(*after, y, w) if g else 0.0
    return z1, t * r + k * y, r - (1.0 - g) * y + k * (g / k**2) * speed


def loss_of(backup: Any) -> Any:
    """Algorithm 1 with one of the two backups, one sample after the other."""

    def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
        config, batch, noise = here.config, here.batch, here.noise
        rows = len(batch.rewards)
        total, returns, velocities, targets = 0.0, [], [], []
        for b in range(rows):
            x, a, x_next = batch.observations[b], batch.actions[b], batch.next_observations[b]
            a_next = ode(here.held["flow"], x_next, noise["next_action"][b], config.flow_steps)
            g = math.prod([config.discount] * config.chunk) if batch.masks[b] else 0.0
            t, z0, start = (noise[f"return_{name}"][b, 0] for name in ("time", "noise", "start"))
            own, after = (here.target["value"], x, a), (here.target["value"], x_next, a_next)
            z1, z_t, target = backup(own, after, batch.rewards[b], g, t, z0, start, config.flow_steps)
            v = s_at(here.live["value"], x, a, z_t, t)
            if batch.valid[b]:
                total = total + (v - target) ** 2
            returns.append(z1)
            velocities.append(v)
            targets.append(target)
        value_loss, behaviour = total / rows, qc.cloning(here)
        return value_loss + behaviour, {
            "value_loss": value_loss,
            "velocity": sum(velocities) / rows,
            "velocity_target": sum(targets) / rows,
            "return": sum(returns) / rows,
            "behaviour_loss": behaviour,
        }

    return loss


loss, bellman_loss = loss_of(printed), loss_of(bellman)


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """Algorithm 2: of the candidates the one whose exponential clock of rate exp(Q*/τ_Q) rings first."""
    actions = []
    for x, starts, z0, u in zip(s, noise["z"], noise["return_start"], noise["choice"], strict=True):
        candidates = [ode(held["flow"], x, z, config.flow_steps) for z in starts]
        log_times = []
        for a, draws, chance in zip(candidates, z0, u, strict=True):
            returns = return_of(held["value"], x, a, draws[:, 0], config.flow_steps)
            mean = sum(math.exp(z / config.return_temp) for z in returns) / len(returns)
            q = config.return_temp * math.log(mean)
            log_times.append(math.log(-math.log(chance)) - q / config.action_temp)
        actions.append(candidates[int(np.argmin(log_times))])
    return np.stack(actions)


behave = qc.behave
