"""Tanh-squashed Gaussian policies and the temperature of their entropy."""

from typing import Any

from ..core.algorithm import Array, Metrics, Models

LOG_STD_RANGE = (-20.0, 2.0)


def squashed(K: Any, output: tuple[Array, Array], noise: Array) -> tuple[Array, Array]:
    """Action and log-density of the tanh of a Gaussian, from a network's mean and log standard deviation."""
    mean, log_std = output
    action, log_prob = K.tanh_normal(mean, K.xp.clip(log_std, *LOG_STD_RANGE), noise)
    return action, log_prob


def entropy_loss(K: Any, models: Models, log_prob: Array, dimensions: int) -> tuple[Array, Metrics]:
    """α log π for the policy and α (H - H_target) for the temperature, with H_target = -½ h·A (QAM eq. 77)."""
    log_temp = models.frozen.log_temp()
    temperature = K.xp.mean(K.entropy_temperature_loss(models.online.log_temp(), log_prob, -0.5 * dimensions))
    total = K.xp.exp(log_temp) * K.xp.mean(log_prob) + temperature
    return total, {"entropy": -K.xp.mean(log_prob), "log_temp": log_temp}
