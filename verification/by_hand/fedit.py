"""FEdit once more, from eqs. 77-79, with the entropy term of the released code."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .flow_actor_critic import DEFAULTS, NOISE, reads, value_and_cloning
from .parts import Array, Forest, Situation, critic, highest, ode
from .qam_edit import edited
from .record import Record, Trained

EDIT = "online.flow online.edit noise.flow noise.edit batch.observations"
READS = reads("online.flow online.edit noise.next_action noise.next_edit") | {
    "edit_q": f"{EDIT} online.critic",
    "entropy": EDIT,
    "log_temp": "online.log_temp",
}
RECORD = Record(
    updates={"joint": Trained(("critic", "flow", "edit", "log_temp"))},
    averages={"critic": ("before", 1)},
    noise={**NOISE, "next_edit": "normal n B A", "flow": "normal B A", "edit": "normal B A"},
    act_noise={"z": "normal n A", "edit": "normal n A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "flow": "S+A+1 -> velocity:A",
        "edit": "S+A -> mean:A log_std:A",
        "log_temp": "0",
    },
    defaults={**DEFAULTS, "edit_scale": 0.2},
)


def chosen(config: Any, held: Forest, s: Array, z: Array, noise: Array) -> Array:
    """The best of the edited candidates that z and noise (n, ..., A) lead."""
    candidates = np.stack(
        [
            edited(config, held["edit"], s, ode(held["flow"], s, start, config.flow_steps), edit)[0]
            for start, edit in zip(z, noise, strict=True)
        ]
    )
    return highest(candidates, critic(held["critic"], s, candidates))


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Critic and flow, the edit's value and entropy, the temperature's."""
    config, held, s, noise = here.config, here.held, here.batch.observations, here.noise
    after = chosen(config, held, here.batch.next_observations, noise["next_action"], noise["next_edit"])
    total, metrics = value_and_cloning(here, after)

    flow = ode(held["flow"], s, noise["flow"], config.flow_steps)
    action, density = edited(config, here.live["edit"], s, flow, noise["edit"])
    value = critic(held["critic"], s, action).mean()
    entropy = -edited(config, held["edit"], s, flow, noise["edit"])[1].mean()
    held_temp, live_temp = held["log_temp"]["value"], here.live["log_temp"]["value"]

    total = total + np.exp(held_temp) * density.mean() - value
    total = total + np.exp(live_temp) * (entropy + action.shape[-1] / 2.0)
    return total, metrics | {"edit_q": value, "entropy": entropy, "log_temp": held_temp}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The edited action, the best of the candidates of z and edit (..., n, A)."""
    return chosen(config, held, s, np.moveaxis(noise["z"], -2, 0), np.moveaxis(noise["edit"], -2, 0))
