"""Deterministic policies π(s) = tanh μ(s): the network, TD3's clipped noise, cloning, and a value without a scale."""

from typing import Any

from ..core.algorithm import Array, Batch
from ..core.networks import Activation, Head, Network


def deterministic_actor(
    observation: int, action: int, hidden: tuple[int, ...], activation: Activation = "gelu", scale: float = 1.0
) -> Network:
    """The action before its tanh, mu(s) -> (..., action); `scale` is that of the head's initial kernel."""
    return Network((observation,), hidden, (Head("action", action, scale),), activation=activation)


def policy_action(K: Any, actor: Any, observations: Array) -> Array:
    """π(s) = tanh μ(s)."""
    return K.xp.tanh(actor(observations))


def perturbed(K: Any, action: Array, noise: Array, noise_clip: float) -> Array:
    """clip(a + clip(ε, -c, c), -1, 1), the smoothing of TD3's target policy (Fujimoto et al. 2018, eq. 14)."""
    return K.xp.clip(action + K.xp.clip(noise, -noise_clip, noise_clip), -1.0, 1.0)


def imitation_errors(K: Any, actions: Array, batch: Batch) -> Array:
    """‖π(s) - a‖² of the windows that stay inside their episode, 0 elsewhere, per sample."""
    return K.xp.sum(K.xp.square(actions - batch.actions), axis=-1) * batch.valid


def normalised(K: Any, q: Array) -> Array:
    """mean Q / sg mean |Q| over the batch: it has no scale, its gradient has Q's direction."""
    return K.xp.mean(q) / K.xp.mean(K.xp.abs(K.stop_gradient(q)))
