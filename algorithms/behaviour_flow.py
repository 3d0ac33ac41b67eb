"""A pessimistic critic beside a flow that clones the data: what CGQL, DSRL and FEdit share."""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Array, Batch, Dimensions, Metrics, Models, Noise, Noises
from .flow_policy import cloning_errors, flow_action
from .temporal_difference import EnsembleConfig, critic_loss, pessimistic_target


@dataclass(frozen=True)
class FlowConfig(EnsembleConfig):
    """The shared hyper-parameters and those of acting through a flow."""

    flow_steps: int = 10  # T, eq. 39: Euler steps
    best_of_n: int = 1  # candidates ranked by the mean critic when acting


def shared_noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of the cloning and of the next actions."""
    action = dimensions.action
    return {
        "time": Noise((batch, 1), "uniform"),
        "behaviour": Noise((batch, action)),
        "next_action": Noise((config.best_of_n, batch, action)),
    }


def critic_and_flow_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, next_actions: Array
) -> tuple[Array, Metrics]:
    """L(φ) + L(β): the critic at whichever next actions (eq. 26), the flow at the data (eq. 17)."""
    critic, metrics = critic_loss(K, models, batch, pessimistic_target(K, config, models, batch, next_actions))
    errors = cloning_errors(K, models.online.flow, batch, noise["behaviour"], noise["time"])
    behaviour = K.xp.mean(errors * batch.valid)
    return critic + behaviour, metrics | {"behaviour_loss": behaviour}


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE(v_β(s, ·, ·), z) from the first candidate's noise (eq. 39)."""
    return flow_action(K, models.frozen.flow, observations, noise["z"][..., 0, :], config.flow_steps)
