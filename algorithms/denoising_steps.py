"""Denoising as decisions (BDPO): the policy's step, its distance from the behaviour's step, and the value it reaches.

Both steps are Gaussian with variance β_t and means that differ by β_t (ε_π - ε_β) / √((1-β_t)(1-ᾱ_t)), so that their
KL divergence is

    ℓ_t = ½ β_t ‖ε_π(s, x_t, t) - ε_β(s, x_t, t)‖² / ((1-β_t)(1-ᾱ_t))

without the clip of the data estimate, which moves the mean alone.
"""

from collections.abc import Callable
from typing import Any

from ..core.algorithm import Array, Batch, Models, Noises
from .noise_prediction import alpha_bar, at, random_step, sinusoids

Field = Callable[[Array, Array], Array]  # (x, step) -> predicted noise


def features(config: Any) -> int:
    """Sines and cosines of a step: as many as its embedding has entries, in pairs."""
    return int(config.embedding + config.embedding % 2)


def predictor(K: Any, config: Any, models: Any, name: str) -> Callable[[Array, Array, Array], Array]:
    """ε(s, x, t) of the network `name`, which has an embedding of the step of its own."""
    network, embedding = getattr(models, name), getattr(models, f"{name}_step")
    return lambda s, x, step: network(x, s, embedding(sinusoids(K, step, features(config))))


def value_after(K: Any, config: Any, models: Any, s: Array, x: Array, step: Array) -> Array:
    """Vᵗ(s, x) of an action after t steps of noise, members first."""
    return models.value(s, x, models.value_step(sinusoids(K, step, features(config))))


def noised(K: Any, config: Any, batch: Batch, noise: Noises, loss: str) -> tuple[Array, Array]:
    """x_t of the data's actions and its t ~ U{1..T} (B, 1), by the noise of a loss."""
    step = random_step(K, noise[f"{loss}_time"], config.diffusion_steps)
    level = alpha_bar(K, step, config.diffusion_steps)
    return K.vp_path(batch.actions, noise[f"{loss}_noise"], level), step


def penalised_step(
    K: Any, policy: Field, behaviour: Field, x: Array, step: Array, steps: int
) -> tuple[Array, Array, Array]:
    """Mean (..., A) and deviation (..., 1) of x_{t-1} given x_t = x at t = step (..., 1), and ℓ_t (...)."""
    level, after = alpha_bar(K, step, steps), alpha_bar(K, step - 1.0, steps)
    beta = 1.0 - level / after
    predicted = policy(x, step)
    denoised = K.xp.clip(K.vp_denoise(predicted, x, level), -1.0, 1.0)
    mean = K.ddpm_mean(denoised, x, beta, level, after)
    deviation = K.xp.sqrt(beta) * (step > 1.0)
    weight = 0.5 * beta / ((1.0 - beta) * (1.0 - level))
    return mean, deviation, weight[..., 0] * K.xp.sum(K.xp.square(predicted - behaviour(x, step)), axis=-1)


def penalised_chain(K: Any, policy: Field, behaviour: Field, x: Array, noises: Array) -> tuple[Array, Array]:
    """x_0 of the chain from x_T = x with noises (T-1, ..., A), none at the last step, and Σ_t ℓ_t along it."""
    steps = noises.shape[0] + 1
    total = K.xp.zeros_like(x[..., 0])
    for i in range(steps, 0, -1):
        step = K.xp.full_like(x[..., :1], float(i))
        x, deviation, penalty = penalised_step(K, policy, behaviour, x, step, steps)
        if i > 1:
            x = x + deviation * noises[steps - i]
        total = total + penalty
    return x, total


def soft_value(
    K: Any, config: Any, models: Models, policy: Any, batch: Batch, noise: Noises, loss: str
) -> tuple[Array, Array, Array]:
    """LCB(mean_N V̄^{t-1}(s, x_{t-1}^n)) - η ℓ_t with V̄⁰ = Q̄, for a policy's steps from x_t; also x_t and t."""
    s = batch.observations
    x, step = noised(K, config, batch, noise, loss)
    behaviour = at(predictor(K, config, models.target, "behaviour"), s)
    mean, deviation, penalty = penalised_step(K, at(policy, s), behaviour, x, step, config.diffusion_steps)
    after = mean + deviation * noise[f"{loss}_next"]
    v, q = value_after(K, config, models.target, s, after, step - 1.0), models.target.critic(s, after)
    reached = K.xp.mean(K.xp.where(step[..., 0] > 1.0, v, q), axis=1)
    return K.ensemble_lower_bound(reached, config.rho) - config.kl_weight * penalty, x, step
