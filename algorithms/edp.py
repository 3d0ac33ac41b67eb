"""EDP: efficient diffusion policies (Kang et al. 2023), as OFQL's baseline in CleanDiffuser.

L_BC(θ) = ‖a - x̂_θ(√ᾱ_k a + √(1-ᾱ_k) ε, s, k)‖²,  k uniform on 1..T: the network predicts the data
a_θ = x̂_θ(√ᾱ_k a + √(1-ᾱ_k) ε, s, k), the one-step estimate: no chain, unclipped
next and acting: x ← √ᾱ' D + √(1-ᾱ') (x - √ᾱ D)/√(1-ᾱ) over n steps of DPM-Solver++(2M),
    D = x̂_i + (x̂_i - x̂_{i-1}) h_i / (2 h_{i-1}),  h = λ' - λ,  λ = ½ log(ᾱ/(1-ᾱ)); first and last D = x̂
critic, policy and acting: behaviour_regularised.py

symbol  here                                symbol  here
x̂_θ     actor of step's embedding of k      T, n    diffusion_steps, sampling_steps
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from ..core.algorithm import Algorithm, Array, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network
from . import diffusion_policy
from .behaviour_regularised import actor_loss, backup_loss, mish_critic, softmax_choice
from .diffusion_policy import Networks, acting, diffused, embedding_of_step, prediction
from .dql import AVERAGES, SHARED_DEVIATIONS, start_noise
from .noise_prediction import B_MAX, B_MIN, along, alpha_bar


@dataclass(frozen=True)
class Config(diffusion_policy.Config):
    """Hyper-parameters of EDP; the defaults are CleanDiffuser's for halfcheetah-medium-expert."""

    diffusion_steps: int = 50  # T
    sampling_steps: int = 15  # n
    frequencies: int = 32  # of the sinusoids of k: an embedding of twice as many numbers
    critic_norm: bool = True  # layer norm in the critics
    acting_policy: Literal["online", "target"] = "target"  # which parameters act
    start_scale: float = 0.5  # factor of x_T when acting
    softmax_weight: float = 50.0  # w, acting: 0 draws a candidate uniformly, ∞ the best


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """DQL's networks, the policy predicting the data."""
    observation, action = dimensions
    inputs, heads = (action, observation, 2 * config.frequencies), (Head("action", action),)
    return Networks(
        critic=mish_critic(observation, action, config),
        actor=Network(inputs, config.hidden, heads, activation="mish"),
        step=embedding_of_step(config),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update."""
    action = dimensions.action
    return {
        "step": Noise((batch, 1), "uniform"),
        "diffusion": Noise((batch, action)),
        "next_start": Noise((config.backup_candidates, batch, action)),
        "pair": Noise((1,), "uniform"),
    }


def sampled_steps(config: Any) -> list[int]:
    """The steps visited, ⌈T (n - i)/n⌉ for i < n without repetitions."""
    T, n = config.diffusion_steps, config.sampling_steps
    return list(dict.fromkeys(-(-T * (n - i) // n) for i in range(n)))


def log_snr(step: int, steps: int) -> float:
    """λ = ½ log(ᾱ/(1-ᾱ)) at a step."""
    part = step / steps
    return -0.5 * math.log(math.expm1(B_MIN * part + 0.5 * (B_MAX - B_MIN) * part**2))


def diffusion_action(K: Any, config: Any, policy: Any, observations: Array, x: Array) -> Array:
    """DPM-Solver++(2M) from x at step T; data estimates are clipped, and the last one is the action."""
    steps, T = sampled_steps(config), config.diffusion_steps
    at_steps = [K.xp.full_like(x[..., :1], float(step)) for step in steps]
    predict, lengths, estimates = along(prediction(K, config, policy), observations), [], []
    for i in range(len(steps) - 1):
        estimates.append(K.xp.clip(predict(x, at_steps[i]), -1.0, 1.0))
        lengths.append(log_snr(steps[i + 1], T) - log_snr(steps[i], T))
        D = estimates[i]
        if i > 0:
            D = D + lengths[i] / (2.0 * lengths[i - 1]) * (estimates[i] - estimates[i - 1])
        x = K.ddim_step(D, x, *(alpha_bar(K, at_steps[j], T) for j in (i, i + 1)))
    return K.xp.clip(predict(x, at_steps[-1]), -1.0, 1.0)


def critic_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """DQL's critic with next actions of the averaged policy's solver."""
    candidates = diffusion_action(K, config, models.target, batch.next_observations, noise["next_start"])
    return backup_loss(K, config, models, batch, candidates)


def actor_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Cloning and the value of the same one-step estimates."""
    estimates = prediction(K, config, models.online)(batch.observations, *diffused(K, config, batch, noise))
    cloning = K.xp.mean(K.xp.mean(K.xp.square(estimates - batch.actions), axis=-1) * batch.valid)
    return actor_loss(K, config, models, batch, cloning, estimates, noise["pair"])


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One of N actions of the solver."""
    start = config.start_scale * K.xp.moveaxis(noise["start"], -2, 0)
    candidates = diffusion_action(K, config, acting(config, models), observations, start)
    return softmax_choice(K, config, models, observations, candidates, noise["choice"])


EDP = Algorithm(
    name="edp",
    paper="OFQL",
    summary="diffusion policy that climbs a critic by its one-step data estimates",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("critic", critic_update, ("critic",)), Update("actor", actor_update, ("actor", "step"))),
    averages=AVERAGES,
    act=act,
    act_noise=start_noise,
    behaviour=None,
    deviations=(
        "The network predicts the data, as in CleanDiffuser; the EDP paper predicts noise and has "
        "x̂ = (x - √(1-ᾱ) ε)/√ᾱ.",
        "Cloning and value share one step and one noise; with a draw each the expected loss is the same.",
        "Data estimates are clipped in the solver; the last step, to ᾱ = 1, is first order, where 2M is singular.",
        "The solver visits ⌈T (n - i)/n⌉; what CleanDiffuser visits between T and 0 could not be determined.",
        "Max-Q backup is DQL's: backup_candidates.",
        "ᾱ is DQL's schedule, not CleanDiffuser's cosine; Adam replaces AdamW and its cosine rates; the critic has "
        "mish throughout where CleanDiffuser's begins with a tanh.",
        "The critic's average moves by 0.005 every update; CleanDiffuser's by 0.995 every fifth, which looks like "
        "swapped coefficients.",
        "|Q_j| is averaged at the policy's actions, as DQL's code does; q_scale_at = 'data' takes the batch's.",
        *SHARED_DEVIATIONS,
    ),
)
