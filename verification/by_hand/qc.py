"""QC once more, from card 5.1: the released Q-chunking with the best of n candidates, window by window."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, Tree, critic, ode, velocity
from .record import Record, Trained

NEXT = "online.flow online.critic target.critic noise.next_action batch.rewards batch.masks batch.next_observations"

READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": NEXT,
    "critic_loss": f"{NEXT} batch.observations batch.actions batch.valid",
    "behaviour_loss": "online.flow batch.observations batch.actions batch.valid_steps noise.time noise.behaviour",
}


RECORD = Record(
    updates={"joint": Trained(("critic", "flow"))},
    averages={"critic": ("before", 1)},
    noise={"time": "uniform B 1", "behaviour": "normal B A", "next_action": "normal n B A"},
    act_noise={"z": "normal n A"},
    networks={"critic": "S+A -> value:1 norm scalar K", "flow": "S+A+1 -> velocity:A"},
    defaults={
        "best_of_n": 32,
        "flow_steps": 10,
        "critics": 2,
        "aggregate": "mean",
        "hidden": (512, 512, 512, 512),
        "chunk": 5,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "target_rate": 5e-3,
    },
)


def over_members(config: Any, tree: Tree, s: Array, a: Array) -> float:
    """One value of one observation and action: the mean over the members, or the smallest."""
    values = [float(member) for member in critic(tree, s, a)]
    return min(values) if config.aggregate == "min" else sum(values) / len(values)


def chosen(config: Any, held: Forest, s: Array, starts: Array) -> Array:
    """For one observation, the end of the flow of largest online value among those of the starts (n, A)."""
    best, largest = starts[0], -np.inf
    for z in starts:
        a = ode(held["flow"], s, z, config.flow_steps)
        value = over_members(config, held["critic"], s, a)
        if value > largest:
            best, largest = a, value
    return best


def cloning(here: Situation) -> Array:
    """Σ over windows, steps and dimensions of valid_k (pred - (a - z))², over the number of all of them."""
    batch, noise, h = here.batch, here.noise, here.config.chunk
    total = 0.0
    rows, size = batch.actions.shape
    for b in range(rows):
        u, z, a = noise["time"][b, 0], noise["behaviour"][b], batch.actions[b]
        off = velocity(here.live["flow"], batch.observations[b], z + u * (a - z), u) - a + z
        for d in range(size):
            step = d // (size // h)  # of the chunk, whose actions stand in time order
            total = total + batch.valid_steps[b, step] * off[d] ** 2
    return total / (rows * size)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic and behaviour flow."""
    config, batch = here.config, here.batch
    rows = len(batch.rewards)
    q = critic(here.live["critic"], batch.observations, batch.actions)
    targets, total = [], 0.0
    for b in range(rows):
        s = batch.next_observations[b]
        a = chosen(config, here.held, s, here.noise["next_action"][:, b])
        y = batch.rewards[b]
        if batch.masks[b]:
            y += np.prod([config.discount] * config.chunk) * over_members(config, here.target["critic"], s, a)
        targets.append(y)
        if batch.valid[b]:
            total = total + sum((member[b] - y) ** 2 for member in q)
    critic_loss, behaviour = total / (rows * len(q)), cloning(here)
    return critic_loss + behaviour, {
        "q": q.mean(),
        "q_target": sum(targets) / rows,
        "critic_loss": critic_loss,
        "behaviour_loss": behaviour,
    }


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """For each observation, the best of the candidates of z (..., n, A)."""
    return np.stack([chosen(config, held, each, starts) for each, starts in zip(s, noise["z"], strict=True)])


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The flow's end from the first start."""
    return ode(held["flow"], s, noise["z"][..., 0, :], config.flow_steps)
