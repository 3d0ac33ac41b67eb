"""Diffusion policies: `actor` predicts noise or data from a noisy action and the embedding that `step` makes of k."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Array, Batch, Models, Noises
from ..core.networks import Network
from . import behaviour_regularised
from .noise_prediction import along, alpha_bar, random_step, sinusoids, step_network


@dataclass(frozen=True)
class Config(behaviour_regularised.Config):
    """Hyper-parameters of a diffusion policy and of how it acts."""

    diffusion_steps: int = 5  # T, eq. 2
    frequencies: int = 8  # of the sinusoids of k: an embedding of twice as many numbers
    acting_policy: Literal["online", "target"] = "online"  # which parameters act
    start_scale: float = 1.0  # factor of x_T when acting


class Networks(NamedTuple):
    """Critics, policy, and the embedding of the step that belongs to the policy."""

    critic: Any
    actor: Any
    step: Any


def embedding_of_step(config: Any) -> Network:
    """Sinusoids of the step, twice as wide with mish, and back."""
    size = 2 * config.frequencies
    return step_network(size, (2 * size,), size)


def prediction(K: Any, config: Any, policy: Any) -> Any:
    """(s, x, k) -> actor's output of a policy's parameters; the sinusoids count k from 0."""
    return lambda s, x, step: policy.actor(x, s, policy.step(sinusoids(K, step - 1.0, 2 * config.frequencies)))


def diffusion_action(K: Any, config: Any, policy: Any, observations: Array, start: Array, noises: Array) -> Array:
    """All T steps from x_T, with clipped data estimates and the noise of the steps T..2 (DQL)."""
    end = K.ddpm_sample(along(prediction(K, config, policy), observations), start, noises)
    return K.xp.clip(end, -1.0, 1.0)


def diffused(K: Any, config: Any, batch: Batch, noise: Noises) -> tuple[Array, Array]:
    """The data's actions at random steps, √ᾱ_k a + √(1-ᾱ_k) ε, and the steps k."""
    step = random_step(K, noise["step"], config.diffusion_steps)
    return K.vp_path(batch.actions, noise["diffusion"], alpha_bar(K, step, config.diffusion_steps)), step


def cloning_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> Array:
    """‖ε - ε_θ‖² at the data's actions (OFQL eq. 4), averaged over action dimensions."""
    predicted = prediction(K, config, models.online)(batch.observations, *diffused(K, config, batch, noise))
    return K.xp.mean(K.ddpm_loss(predicted, noise["diffusion"]) * batch.valid)


def acting(config: Any, models: Models) -> Any:
    """The parameters that act."""
    return models.target if config.acting_policy == "target" else models.frozen
