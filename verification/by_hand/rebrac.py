"""ReBRAC once more, in the three forms of its released codes: qam, fql and corl."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, Tree, clipped, gelu, output, relu
from .record import Record, Trained

POLICY = "target.actor noise.next_action"
TARGET = f"{POLICY} target.critic batch.rewards batch.masks batch.next_observations"
CRITIC_READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": TARGET,
    "critic_loss": f"{TARGET} online.critic batch.observations batch.actions batch.valid",
}
ACTOR_READS = {
    "behaviour_loss": "online.actor batch.observations batch.actions batch.valid",
    "actor_q": "online.actor online.critic batch.observations",
}


RECORD = Record(
    updates={"critic": Trained(("critic",)), "actor": Trained(("actor",), learning_rate="actor_learning_rate")},
    averages={"critic": ("before", 2), "actor": ("before", 2)},
    noise={"next_action": "normal B A"},
    act_noise={"action": "normal A"},
    networks={"critic": "S+A -> value:1 norm scalar K", "actor": "S -> action:A*0.01"},
    defaults={
        "source": "qam",
        "bc_weight": 0.01,
        "critic_bc_weight": 0.0,
        "action_noise": 0.2,
        "noise_clip": 0.5,
        "temperature": 1.0,
        "critics": 10,
        "rho": 0.5,
        "hidden": (512, 512, 512, 512),
        "chunk": 5,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "actor_learning_rate": 3e-4,
        "target_rate": 5e-3,
    },
)


def hidden(config: Any) -> Any:
    """The activation: ReLU in corl alone."""
    return relu if config.source == "corl" else gelu


def critics(config: Any, tree: Tree, s: Array, a: Array) -> Array:
    """Q_j(s, a), members first."""
    return output(tree, "value", s, a, act=hidden(config))[..., 0]


def policy(config: Any, tree: Tree, s: Array) -> Array:
    """tanh μ(s) by exponentials."""
    mu = output(tree, "action", s, act=hidden(config))
    return 1.0 - 2.0 / (1.0 + np.exp(2.0 * mu))


def pessimistic(config: Any, q: Array) -> Array:
    """The members' least value in fql and corl, mean less ρ standard deviations in qam."""
    if config.source != "qam":
        return np.take_along_axis(q, np.real(q).argmin(axis=0)[None], axis=0)[0]
    mean = q.mean(axis=0)
    return mean - config.rho * ((q**2).mean(axis=0) - mean**2) ** 0.5


def smoothed(config: Any, a: Array, noise: Array) -> Array:
    """TD3's noise, never larger than c, on an action that stays in the box."""
    return clipped(a + clipped(noise, -config.noise_clip, config.noise_clip))


def critic_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Window by window: the pessimistic value of the smoothed action, less its distance from the data's."""
    config, batch = here.config, here.batch
    mode = policy(config, here.target["actor"], batch.next_observations)
    action = smoothed(config, mode, config.action_noise * here.noise["next_action"])
    value = pessimistic(config, critics(config, here.target["critic"], batch.next_observations, action))
    y = []
    for b in range(len(value)):
        off = action[b] - batch.next_actions[b]
        penalty = config.critic_bc_weight * np.dot(off, off) if batch.next_valid[b] == 1.0 else 0.0
        future = value[b] - penalty if batch.masks[b] == 1.0 else 0.0
        y.append(batch.rewards[b] + np.prod([config.discount] * config.chunk) * future)
    q = critics(config, here.live["critic"], batch.observations, batch.actions)
    errors = np.stack([(member - np.array(y)) ** 2 * batch.valid for member in q])
    loss = errors.sum() / errors.size
    total = errors.sum() / errors.shape[1] if config.source == "corl" else loss
    return total, {"critic_loss": loss, "q": q.mean(), "q_target": np.mean(y)}


def actor_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Cloning, a sum over action dimensions, and the value over its held mean size."""
    config, batch = here.config, here.batch
    action = policy(config, here.live["actor"], batch.observations)
    q = pessimistic(config, critics(config, here.held["critic"], batch.observations, action))
    size = np.abs(np.real(q)).mean()
    off = (action - batch.actions)[batch.valid == 1.0]
    cloning = (off * off).sum() / len(action)
    return config.bc_weight * cloning - q.mean() / size, {"behaviour_loss": cloning, "actor_q": q.mean()}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The policy's action with noise of σ times the temperature, clipped."""
    return smoothed(
        config, policy(config, held["actor"], s), config.temperature * config.action_noise * noise["action"]
    )
