"""Actor-critic with one flow: critics with a pessimistic target, a flow cloned from the data that may act.

The baselines of the QAM paper that have one flow are built on it (its section C.1), and QC.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Array, Batch, Dimensions, Metrics, Models, Noise, Noises
from ..core.networks import critic, velocity
from .flow_policy import best, cloning_errors, flow_action
from .temporal_difference import EnsembleConfig, critic_loss, pessimistic_target, regression_loss


@dataclass(frozen=True)
class Config(EnsembleConfig):
    """The shared hyper-parameters and those of acting through a flow."""

    flow_steps: int = 10  # T, eq. 39: Euler steps of the flow
    best_of_n: int = 1  # N: candidates ranked by the mean critic when acting


class Networks(NamedTuple):
    """Critic ensemble and flow."""

    critic: Any
    flow: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """Q(s, a) and v(s, x, t)."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        flow=velocity(observation, action, config.hidden),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of the flow matching and of the next actions."""
    action = dimensions.action
    return {
        "time": Noise((batch, 1), "uniform"),
        "behaviour": Noise((batch, action)),
        "next_action": Noise((config.best_of_n, batch, action)),
    }


def policy_action(K: Any, config: Any, models: Models, observations: Array, z: Array) -> Array:
    """ODE(v, z), the best of the candidates that z (n, ..., A) leads by the mean critic."""
    candidates = flow_action(K, models.frozen.flow, observations, z, config.flow_steps)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_mean)


def backup_loss(K: Any, config: Any, models: Models, batch: Batch, z: Array) -> tuple[Array, Array, Array, Metrics]:
    """Eq. 26 with the flow's action at s'; also Q_φ(s, a) and its target y."""
    next_actions = policy_action(K, config, models, batch.next_observations, z)
    y = pessimistic_target(K, config, models, batch, next_actions)
    q = models.online.critic(batch.observations, batch.actions)
    loss, metrics = regression_loss(K, q, batch, y)
    return loss, q, y, metrics


def cloning_loss(K: Any, models: Models, batch: Batch, noise: Noises) -> Array:
    """Eq. 17 on windows that stay inside their episode, averaged over the whole batch."""
    return K.xp.mean(cloning_errors(K, models.online.flow, batch, noise["behaviour"], noise["time"]) * batch.valid)


def critic_and_flow_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, next_actions: Array
) -> tuple[Array, Metrics]:
    """The critic at whichever next actions (eq. 26) and the flow at the data (eq. 17)."""
    critic, metrics = critic_loss(K, models, batch, pessimistic_target(K, config, models, batch, next_actions))
    behaviour = cloning_loss(K, models, batch, noise)
    return critic + behaviour, metrics | {"behaviour_loss": behaviour}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the flow, the best of n by the mean critic."""
    return policy_action(K, config, models, observations, K.xp.moveaxis(noise["z"], -2, 0))


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the flow from the first noise."""
    return flow_action(K, models.frozen.flow, observations, noise["z"][..., 0, :], config.flow_steps)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: one start for each candidate."""
    return {"z": Noise((config.best_of_n, dimensions.action))}
