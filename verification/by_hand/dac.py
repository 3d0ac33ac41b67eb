"""DAC once more, from eqs. 46-47 and 54-57 with the released factor √(1-ᾱ), and what QSM shares with it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .flow_actor_critic import CRITIC_DEFAULTS, reads, value_error
from .parts import Array, Forest, Situation, clipped, critic, mish, output, slope
from .record import Record, Trained

PREDICTOR = "online.predictor online.step online.frequencies"
DIFFUSED = f"{PREDICTOR} batch.observations batch.actions batch.valid noise.step noise.diffused"
READS = {
    **{
        metric: groups
        for metric, groups in reads(f"{PREDICTOR} noise.next_start noise.next_steps").items()
        if metric != "behaviour_loss"
    },
    "actor_loss": f"{DIFFUSED} target.critic",
    "cloning_loss": DIFFUSED,
}
RECORD = Record(
    updates={"joint": Trained(("critic", "predictor", "step", "frequencies"), clip_norm=1.0)},
    averages={"critic": ("before", 1)},
    noise={
        "step": "uniform B 1",
        "diffused": "normal B A",
        "next_start": "normal B A",
        "next_steps": "normal 16 B A",  # of 17 diffusion steps
    },
    act_noise={"z": "normal A", "steps": "normal 16 A"},
    networks={
        "critic": "S+A -> value:1 norm scalar K",
        "predictor": "A+S+B -> noise:A mish",  # B: the embedding is as long as the last layer is wide, 5
        "step": "38 -> embedding:B mish (6,)",  # two features for each of 19 frequencies
        "frequencies": "0 shape (19,) spread 0.2",
    },
    defaults={**CRITIC_DEFAULTS, "bc_weight": 1.0, "diffusion_steps": 10, "frequencies": 32},
)


def schedule(steps: int) -> tuple[list[float], list[float]]:
    """β_1..β_T and ᾱ_0..ᾱ_T, each ᾱ the product of the factors before it."""
    beta = [1.0 - math.exp(-0.1 / steps - 0.5 * 9.9 * (2 * i - 1) / steps**2) for i in range(1, steps + 1)]
    levels = [1.0]
    for each in beta:
        levels.append(levels[-1] * (1.0 - each))
    return beta, levels


def predicted(forest: Forest, s: Array, x: Array, step: Array) -> Array:
    """ε(s, x, i); step (..., 1) holds the integers i."""
    angles = 2.0 * math.pi * np.stack([f * step[..., 0] for f in forest["frequencies"]["value"]], axis=-1)
    features = np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)
    embedding = output(forest["step"], "embedding", features, act=mish)
    return output(forest["predictor"], "noise", x, s, embedding, act=mish)


def denoised(held: Forest, s: Array, x: Array, i: int, level: float) -> Array:
    """The data that the predicted noise leaves: x = √ᾱ x̂ + √(1-ᾱ) ε."""
    epsilon = predicted(held, s, x, np.full((*x.shape[:-1], 1), float(i)))
    return (x - math.sqrt(1.0 - level) * epsilon) / math.sqrt(level)


def sampled(held: Forest, s: Array, start: Array, noises: Array) -> Array:
    """From i = T to 1: x_{i-1} has the law of Bayes' rule for x̂ and x_i but for its variance, which is β_i."""
    T = len(noises) + 1
    beta, levels = schedule(T)
    x = start
    for i in range(T, 1, -1):
        guess = clipped(denoised(held, s, x, i, levels[i]))
        known, seen = 1.0 / (1.0 - levels[i - 1]), (1.0 - beta[i - 1]) / beta[i - 1]
        mean = (known * math.sqrt(levels[i - 1]) * guess + seen * x / math.sqrt(1.0 - beta[i - 1])) / (known + seen)
        x = mean + math.sqrt(beta[i - 1]) * noises[T - i]
    return clipped(denoised(held, s, x, 1, levels[1]))


def actor_terms(here: Situation) -> tuple[Array, Array, Array]:
    """Of every sample: ε_θ, the averaged critics' slope at the diffused action, and 1 - ᾱ."""
    batch, T = here.batch, here.config.diffusion_steps
    steps = np.array([[1 + int(T * u)] for u in here.noise["step"][:, 0]])
    level = np.array([schedule(T)[1][i] for i in steps[:, 0]])[:, None]
    x = np.sqrt(level) * batch.actions + np.sqrt(1.0 - level) * here.noise["diffused"]
    ascent = slope(lambda a: critic(here.target["critic"], batch.observations, a).mean(axis=0), x)
    return predicted(here.live, batch.observations, x, steps), ascent, 1.0 - level


def masked(here: Situation, entries: Array) -> Array:
    """Mean over batch and dimensions of what is zero where the window is invalid."""
    return np.dot(here.batch.valid, entries.sum(axis=-1)) / entries.size


def total(here: Situation, after: Array, actor: Array) -> tuple[Array, dict[str, Array]]:
    """The critic's loss and the actor's entries, with the distance of its prediction from the noise."""
    value, metrics = value_error(here, after)
    off = actor_terms(here)[0] - here.noise["diffused"]
    loss = masked(here, actor)
    return value + loss, metrics | {"actor_loss": loss, "cloning_loss": masked(here, off**2)}


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Eq. 54, made a square by the number (1-ᾱ) ∇Q²/(4 η) - √(1-ᾱ) ε ∇Q, which has no gradient, and eq. 57."""
    after = sampled(here.held, here.batch.next_observations, here.noise["next_start"], here.noise["next_steps"])
    prediction, ascent, rest = actor_terms(here)
    eta, epsilon = here.config.bc_weight, here.noise["diffused"]
    entries = np.sqrt(rest) * ascent * prediction + eta * (epsilon - prediction) ** 2
    constant = rest * ascent**2 / (4.0 * eta) - np.sqrt(rest) * epsilon * ascent
    return total(here, after, entries + constant)


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """One sample from z and the steps' noise (..., T-1, A)."""
    return acting(sampled, held, s, noise)


def acting(sampler: Callable[..., Array], held: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """One sample of a sampler."""
    return sampler(held, s, noise["z"], np.moveaxis(noise["steps"], -2, 0))
