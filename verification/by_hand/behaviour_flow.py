"""A critic and a flow that clones the data once more, from eqs. 17 and 26: what CGQL, DSRL and FEdit share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, critic, ode, pessimistic_target, velocity

FLOW = "online.flow batch.observations batch.actions batch.valid noise.time noise.behaviour"


def reads(policy: str) -> dict[str, str]:
    """What the shared metrics depend on, for next actions that depend on `policy`."""
    target = f"{policy} target.critic batch.rewards batch.masks batch.next_observations"
    return {
        "q": "online.critic batch.observations batch.actions",
        "q_target": target,
        "critic_loss": f"{target} online.critic batch.observations batch.actions batch.valid",
        "behaviour_loss": FLOW,
    }


NOISE = {"time": "uniform B 1", "behaviour": "normal B A", "next_action": "normal n B A"}
DEFAULTS = {
    "critics": 10,
    "rho": 0.5,
    "discount": 0.99,
    "chunk": 5,
    "hidden": (512, 512, 512, 512),
    "batch_size": 256,
    "learning_rate": 3e-4,
    "target_rate": 5e-3,
}
FLOW_DEFAULTS = {**DEFAULTS, "flow_steps": 10, "best_of_n": 1}


def value_loss(here: Situation, next_actions: Array) -> tuple[Array, dict[str, Array]]:
    """The critics' squared errors over the whole batch, zero where the window is invalid."""
    batch = here.batch
    y = pessimistic_target(here, next_actions)
    q = critic(here.live["critic"], batch.observations, batch.actions)
    loss = 0.0
    for member in q:
        for b in np.flatnonzero(batch.valid):
            loss = loss + (member[b] - y[b]) ** 2 / (len(q) * len(y))
    return loss, {"q": q.mean(), "q_target": y.mean(), "critic_loss": loss}


def shared(here: Situation, next_actions: Array) -> tuple[Array, dict[str, Array]]:
    """Critic and behaviour flow, whoever chose the next actions."""
    batch, z = here.batch, here.noise["behaviour"]
    total, metrics = value_loss(here, next_actions)
    x = z + here.noise["time"] * (batch.actions - z)
    off = velocity(here.live["flow"], batch.observations, x, here.noise["time"]) + z - batch.actions
    behaviour = (off**2 * batch.valid[:, None]).sum() / off.size
    return total + behaviour, metrics | {"behaviour_loss": behaviour}


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The endpoint of the behaviour flow from the first noise."""
    return ode(held["flow"], s, noise["z"][..., 0, :], config.flow_steps)
