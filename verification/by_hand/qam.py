"""QAM once more, from eqs. 17, 21 and 23-26 of the paper as its authors released them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, clipped, critic, highest, ode, pessimistic_target, slope, velocity
from .record import Record, Trained

ROLLOUT = "online.fast target.slow target.critic batch.observations noise.sde_start noise.sde"
POLICY = "online.fast noise.next_action"

READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": f"{POLICY} target.critic batch.rewards batch.masks batch.next_observations",
    "critic_loss": f"{POLICY} target.critic batch.rewards batch.masks batch.next_observations "
    "online.critic batch.observations batch.actions batch.valid",
    "behaviour_loss": "online.slow batch.observations batch.actions batch.valid noise.time noise.behaviour",
    "adjoint_loss": ROLLOUT,
    "terminal_adjoint": ROLLOUT,
}


RECORD = Record(
    updates={"joint": Trained(("critic", "slow", "fast"), clip_norm=1.0)},
    averages={"critic": ("before", 1), "slow": ("before", 1)},
    noise={
        "time": "uniform B 1",
        "behaviour": "normal B A",
        "sde_start": "normal B A",
        "sde": "normal T-1 B A",
        "next_action": "normal n B A",
    },
    act_noise={"z": "normal n A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "slow": "S+A+1 -> velocity:A",
        "fast": "S+A+1 -> velocity:A",
    },
    defaults={
        "inv_temp": 1.0,
        "flow_steps": 10,
        "critics": 10,
        "rho": 0.5,
        "hidden": (512, 512, 512, 512),
        "chunk": 5,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
        "best_of_n": 1,
    },
)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The sum of the three losses, and what is measured."""
    candidates = ode(here.held["fast"], here.batch.next_observations, here.noise["next_action"], here.config.flow_steps)
    return shared(here, highest(candidates, critic(here.held["critic"], here.batch.next_observations, candidates)))


def shared(here: Situation, next_actions: Array) -> tuple[Array, dict[str, Array]]:
    """Critic, behaviour flow and fine-tuned flow, whoever chose the next actions."""
    batch = here.batch
    y = pessimistic_target(here, next_actions)
    q = critic(here.live["critic"], batch.observations, batch.actions)
    critic_loss = sum(np.dot((member - y) ** 2, batch.valid) for member in q) / q.size

    t, z = here.noise["time"], here.noise["behaviour"]
    off = velocity(here.live["slow"], batch.observations, t * batch.actions + (1 - t) * z, t) - (batch.actions - z)
    behaviour_loss = np.dot((off**2).sum(axis=-1), batch.valid) / off.size

    adjoint_loss, terminal = adjoint_matching(here)
    return critic_loss + behaviour_loss + adjoint_loss, {
        "q": q.mean(),
        "q_target": y.mean(),
        "critic_loss": critic_loss,
        "behaviour_loss": behaviour_loss,
        "adjoint_loss": adjoint_loss,
        "terminal_adjoint": (terminal**2).mean(),
    }


def adjoint_matching(here: Situation) -> tuple[Array, Array]:
    """Eqs. 24, 25 and 21 on the grid u = i/T with the released shift by one step; the loss and g at time 1."""
    s, T = here.batch.observations, here.config.flow_steps
    h = 1.0 / T
    sigma = [math.sqrt(2.0 * (T - i + 1) / (i + 1)) for i in range(T)]

    def base(x: Array, t: float) -> Array:
        return velocity(here.target["slow"], s, x, t)

    path = [here.noise["sde_start"]]
    for i in range(T - 1):
        x, u = path[-1], i * h
        drift = 2.0 * velocity(here.held["fast"], s, x, u) - x / (u + h)
        path.append(x + h * drift + math.sqrt(h) * sigma[i] * here.noise["sde"][i])
    path.append(path[-1] + h * base(path[-1], 1.0 - h))

    terminal = -here.config.inv_temp * slope(
        lambda a: critic(here.target["critic"], s, clipped(a)).mean(axis=0), path[-1]
    )
    g, total = terminal, 0.0
    for i in reversed(range(T)):

        def pulled(x: Array, u: float = (i + 1) * h, g: Array = g) -> Array:
            return (g * (2.0 * base(x, u) - x / u)).sum(axis=-1)

        g = g + h * slope(pulled, path[i])
        residual = velocity(here.live["fast"], s, path[i], i * h) - base(path[i], i * h)
        total = total + ((2.0 * residual / sigma[i] + sigma[i] * g) ** 2).sum(axis=-1).mean()
    return total, terminal


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The endpoint of the fine-tuned flow, the best of the candidates of z (..., n, A)."""
    candidates = np.stack(
        [ode(held["fast"], s, noise["z"][..., j, :], config.flow_steps) for j in range(noise["z"].shape[-2])]
    )
    return highest(candidates, critic(held["critic"], s, candidates))


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The endpoint of the behaviour flow from the first noise."""
    return ode(held["slow"], s, noise["z"][..., 0, :], config.flow_steps)
