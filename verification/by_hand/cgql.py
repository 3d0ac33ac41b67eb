"""CGQL and its two variants once more, from eqs. 60-64 and 70-72.

A critic Q(s, x, u) at a fixed level u is a critic Q(s, x): the level's weights times u join the first biases.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .flow_actor_critic import DEFAULTS, NOISE, reads, value_and_cloning
from .parts import Array, Forest, Situation, Tree, clipped, critic, highest, output, slope, velocity
from .record import Record, Trained

READS = reads("target.flow online.critic noise.next_action")
NOISY_READS = READS | {
    "noisy_loss": "online.critic target.critic batch.observations batch.actions batch.valid "
    "noise.noisy_time noise.noisy_start",
}
RECORD = Record(
    updates={"joint": Trained(("critic", "flow"))},
    averages={"critic": ("before", 1), "flow": ("before", 1)},
    noise=NOISE,
    act_noise={"z": "normal n A"},
    networks={"critic": "S+A+1 -> value:1 norm scalar K", "flow": "S+A+1 -> velocity:A"},
    defaults={**DEFAULTS, "inv_temp": 10.0, "guidance_weight": 0.1},
)
NOISY_RECORD = RECORD._replace(
    noise={**NOISE, "noisy_time": "uniform B 1", "noisy_start": "normal B A"},
    defaults={**RECORD.defaults, "noisy_weight": 0.1},
)
LINEX_RECORD = NOISY_RECORD._replace(defaults={**NOISY_RECORD.defaults, "linex_cap": 5.0})


def at_level(tree: Tree, u: float) -> Tree:
    """The critic of two inputs that is this one at level u."""
    kernel, bias = tree["hidden_0.kernel"], tree["hidden_0.bias"]
    return {**tree, "hidden_0.kernel": kernel[:, :-1], "hidden_0.bias": bias + u * kernel[:, -1]}


def ascent(tree: Tree, s: Array, x: Array) -> Array:
    """Slope of the critics' mean at x."""
    return slope(lambda a: critic(tree, s, a).mean(axis=0), x)


def guided(config: Any, held: Forest, target: Forest, s: Array, z: Array, noisy: bool) -> Array:
    """The best of the candidates (n, ..., A) that the guided flow leads z to; its first step is the base's."""
    x, steps = z, config.flow_steps
    for i in range(steps):
        u = i / steps
        v = velocity(target["flow"], s, x, u)
        if i:
            tilt = (1.0 / u - 1.0) * config.inv_temp * ascent(at_level(held["critic"], u if noisy else 1.0), s, x)
            v = v + config.guidance_weight * (tilt + x / u)
        x = x + v / steps
    ends = clipped(x)
    return highest(ends, critic(at_level(held["critic"], 1.0), s, ends))


def guided_loss(here: Situation, noisy: bool) -> tuple[Array, dict[str, Array]]:
    """Critic of clean actions, with the guided flow's next actions, and behaviour flow."""
    z = here.noise["next_action"]
    after = guided(here.config, here.held, here.target, here.batch.next_observations, z, noisy)
    clean = {name: {**forest, "critic": at_level(forest["critic"], 1.0)} for name, forest in _forests(here)}
    return value_and_cloning(here._replace(**clean), after)


def _forests(here: Situation) -> list[tuple[str, Forest]]:
    return [("live", here.live), ("held", here.held), ("target", here.target)]


def noisy_values(here: Situation) -> tuple[Array, Array]:
    """Q_j at the noisy actions, and the averages at the clean ones."""
    batch, u = here.batch, here.noise["noisy_time"]
    x = u * batch.actions + (1.0 - u) * here.noise["noisy_start"]
    q = output(here.live["critic"], "value", batch.observations, x, u)[..., 0]
    return q, critic(at_level(here.target["critic"], 1.0), batch.observations, batch.actions)


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """CGQL."""
    return guided_loss(here, noisy=False)


def loss_mse(here: Situation) -> tuple[Array, dict[str, Array]]:
    """CGQL-MSE: squared distance of the noisy values."""
    total, metrics = guided_loss(here, noisy=True)
    q, wanted = noisy_values(here)
    noisy = np.einsum("kb,kb,b->", q - wanted, q - wanted, here.batch.valid) / q.size
    return total + here.config.noisy_weight * noisy, metrics | {"noisy_loss": noisy}


def loss_linex(here: Situation) -> tuple[Array, dict[str, Array]]:
    """CGQL-Linex: e^Δ + τ Q up to the cap of Δ, Δ above."""
    total, metrics = guided_loss(here, noisy=True)
    tau, (q, wanted) = here.config.inv_temp, noisy_values(here)
    noisy = 0.0
    for k, b in np.ndindex(q.shape):
        excess = tau * wanted[k, b] - tau * q[k, b]
        one = excess if excess.real > here.config.linex_cap else np.exp(excess) + tau * q[k, b]
        noisy = noisy + here.batch.valid[b] * one / q.size
    return total + here.config.noisy_weight * noisy, metrics | {"noisy_loss": noisy}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """CGQL's action."""
    return guided(config, held, target, s, np.moveaxis(noise["z"], -2, 0), noisy=False)


def act_noisy(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The variants' action."""
    return guided(config, held, target, s, np.moveaxis(noise["z"], -2, 0), noisy=True)
