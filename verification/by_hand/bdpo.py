"""BDPO once more, from the card of its release: Bayes' rule for the steps, their KL from means, chains one by one."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, clipped, highest, mish, output
from .record import Record, Trained
from .rql import lower_bound

CLONE = "batch.observations batch.actions batch.valid noise.clone_time noise.clone_noise"
AVERAGES = "target.actor target.actor_step target.behaviour target.behaviour_step target.critic"
CHAINS = f"{AVERAGES} batch.next_observations noise.next_start noise.next_path"
Q_TARGET = f"{CHAINS} batch.rewards batch.masks"
VALUES = "target.critic target.value target.value_step target.behaviour target.behaviour_step"
POINT = "batch.observations batch.actions noise.value_time noise.value_noise"
V_TARGET = f"{VALUES} target.actor target.actor_step {POINT} noise.value_next"

READS = {
    "behaviour": {"behaviour_loss": f"online.behaviour online.behaviour_step {CLONE}"},
    "imitation": {
        "imitation_loss": f"online.actor online.actor_step target.behaviour target.behaviour_step {CLONE}",
    },
    "critic": {
        "q": "online.critic batch.observations batch.actions",
        "q_target": Q_TARGET,
        "critic_loss": f"{Q_TARGET} online.critic batch.observations batch.actions batch.valid",
        "chain_penalty": CHAINS.replace(" target.critic", ""),
    },
    "value": {
        "v": f"online.value online.value_step {POINT}",
        "v_target": V_TARGET,
        "value_loss": f"{V_TARGET} online.value online.value_step batch.valid",
    },
    "actor": {
        "actor_value": f"{VALUES} online.actor online.actor_step batch.observations batch.actions batch.valid "
        "noise.actor_time noise.actor_noise noise.actor_next",
    },
}

RECORD = Record(
    updates={
        "behaviour": Trained(("behaviour", "behaviour_step"), clip_norm=1.0),
        "imitation": Trained(("actor", "actor_step"), clip_norm=1.0, until="warmup"),
        "critic": Trained(("critic",), clip_norm=1.0, since="pretraining"),
        "value": Trained(("value", "value_step"), clip_norm=1.0, since="pretraining"),
        "actor": Trained(
            ("actor", "actor_step"), clip_norm=1.0, every=5, learning_rate="actor_learning_rate", since="warmup"
        ),
    },
    averages={
        "critic": ("after", 1),
        "value": ("after", 1),
        "value_step": ("after", 1),
        "behaviour": ("after", 1),
        "behaviour_step": ("after", 1),
        "actor": ("after", 1),
        "actor_step": ("after", 1),
    },
    noise={  # 18 is one less than the diffusion steps
        "next_start": "normal samples B A",
        "next_path": "normal 18 samples B A",
        "clone_time": "uniform B 1",
        "value_time": "uniform B 1",
        "actor_time": "uniform B 1",
        "clone_noise": "normal B A",
        "value_noise": "normal B A",
        "actor_noise": "normal B A",
        "value_next": "normal samples B A",
        "actor_next": "normal samples B A",
    },
    act_noise={"z": "normal n A", "path": "normal 18 n A"},
    networks={  # 32 is the even number of features of an embedding of 31
        "critic": "S+A -> value:1 scalar K mish",
        "value": "S+A+embedding -> value:1 norm scalar K mish",
        "value_step": "32 -> embedding:embedding mish (31, 31)",
        "behaviour": "A+S+embedding -> noise:A mish",
        "behaviour_step": "32 -> embedding:embedding mish (31, 31)",
        "actor": "A+S+embedding -> noise:A mish",
        "actor_step": "32 -> embedding:embedding mish (31, 31)",
    },
    defaults={
        "kl_weight": 0.05,
        "rho": 0.5,
        "critics": 10,
        "best_of_n": 10,
        "diffusion_steps": 5,
        "samples": 10,
        "critic_layers": 3,
        "embedding": 64,
        "hidden": (256, 256, 256, 256),
        "layer_norm": False,
        "backup": "mean",
        "chunk": 1,
        "discount": 0.99,
        "batch_size": 256,
        "learning_rate": 3e-4,
        "actor_learning_rate": 1e-5,
        "target_rate": 5e-3,
        "pretraining": 1_000_000,
        "warmup": 1_050_000,
    },
)

Predict = Callable[[Array, Array, int], Array]  # (s, x, t) -> noise, for samples at one step


def betas(config: Any) -> list[float]:
    """β_1..β_T between rates 0.1 and 10."""
    T = config.diffusion_steps
    return [1.0 - math.exp(-0.1 / T - 9.9 * (2 * i - 1) / (2 * T * T)) for i in range(1, T + 1)]


def kept(config: Any, t: int) -> float:
    """ᾱ_t, the product of 1 - β up to step t."""
    return math.prod(1.0 - beta for beta in betas(config)[:t])


def embedded(config: Any, tree: Any, t: int) -> Array:
    """The embedding of a step: sines, then cosines, at frequencies from 1 to 1/10000; two layers of mish."""
    half = (config.embedding + 1) // 2
    angles = np.array([t * 10_000.0 ** (-k / max(half - 1, 1)) for k in range(half)])
    return output(tree, "embedding", np.concatenate([np.sin(angles), np.cos(angles)]), act=mish)


def predictor(config: Any, forest: Forest, name: str) -> Predict:
    """ε(s, x, t)."""

    def predict(s: Array, x: Array, t: int) -> Array:
        return output(forest[name], "noise", x, s, embedded(config, forest[f"{name}_step"], t), act=mish)

    return predict


def value(here: Situation, forest: Forest, s: Array, x: Array, t: int) -> Array:
    """Vᵗ, or Q for no steps of noise, members first."""
    if t == 0:
        return output(forest["critic"], "value", s, x, act=mish)[..., 0]
    e = embedded(here.config, forest["value_step"], t)
    return output(forest["value"], "value", s, x, e, act=mish)[..., 0]


def step_mean(config: Any, predict: Predict, s: Array, x: Array, t: int) -> Array:
    """Mean of x_{t-1}: Bayes' rule for x_t given x_{t-1} and the clipped estimate of the data."""
    beta, now, before = betas(config)[t - 1], kept(config, t), kept(config, t - 1)
    data = clipped((x - math.sqrt(1.0 - now) * predict(s, x, t)) / math.sqrt(now))
    if t == 1:
        return data
    precisions = (1.0 - beta) / beta, 1.0 / (1.0 - before)
    pulled = precisions[0] * x / math.sqrt(1.0 - beta) + precisions[1] * math.sqrt(before) * data
    return pulled / sum(precisions)


def divergence(config: Any, ours: Predict, theirs: Predict, s: Array, x: Array, t: int) -> Array:
    """KL of two steps of variance β_t with means (x - β_t ε / √(1-ᾱ_t)) / √(1-β_t)."""
    beta, now = betas(config)[t - 1], kept(config, t)
    first, second = (
        (x - beta * predict(s, x, t) / math.sqrt(1.0 - now)) / math.sqrt(1.0 - beta) for predict in (ours, theirs)
    )
    return ((first - second) ** 2).sum(axis=-1) / (2.0 * beta)


def chain(config: Any, predict: Predict, s: Array, z: Array, path: Array) -> list[Array]:
    """x_T, ..., x_0 with the noises of steps T..2."""
    states = [z]
    for t in range(config.diffusion_steps, 0, -1):
        x = step_mean(config, predict, s, states[-1], t)
        if t > 1:
            x = x + math.sqrt(betas(config)[t - 1]) * path[config.diffusion_steps - t]
        states.append(x)
    return states


def noised(here: Situation, loss: str, row: int) -> tuple[Array, Array, int]:
    """One sample's observation, x_t and t, the first two with an axis of one sample."""
    t = 1 + math.floor(here.noise[f"{loss}_time"][row, 0] * here.config.diffusion_steps)
    now, one = kept(here.config, t), slice(row, row + 1)
    x = math.sqrt(now) * here.batch.actions[one] + math.sqrt(1.0 - now) * here.noise[f"{loss}_noise"][one]
    return here.batch.observations[one], x, t


def behaviour_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Noise prediction at the data's noised actions."""
    predict, total = predictor(here.config, here.live, "behaviour"), 0.0
    for row, noise in enumerate(here.noise["clone_noise"]):
        total = total + here.batch.valid[row] * ((predict(*noised(here, "clone", row))[0] - noise) ** 2).sum()
    loss = total / here.noise["clone_noise"].size
    return loss, {"behaviour_loss": loss}


def imitation_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The policy's prediction against the averaged behaviour's at the same points."""
    ours, theirs = predictor(here.config, here.live, "actor"), predictor(here.config, here.target, "behaviour")
    total = 0.0
    for row, valid in enumerate(here.batch.valid):
        point = noised(here, "clone", row)
        total = total + valid * ((ours(*point) - theirs(*point)) ** 2).sum()
    loss = total / here.batch.actions.size
    return loss, {"imitation_loss": loss}


def q_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Q against the reward and the penalised value of the averaged policy's chains."""
    config, batch, s = here.config, here.batch, here.batch.next_observations
    policy, behaviour = (predictor(config, here.target, name) for name in ("actor", "behaviour"))
    values, penalties = [], []
    for z, path in zip(here.noise["next_start"], np.moveaxis(here.noise["next_path"], 1, 0), strict=True):
        states = chain(config, policy, s, z, path)
        values.append(value(here, here.target, s, states[-1], 0))
        steps = range(config.diffusion_steps, 0, -1)
        penalties.append(
            sum(divergence(config, policy, behaviour, s, x, t) for x, t in zip(states[:-1], steps, strict=True))
        )
    together = np.stack(values)
    best = together.max(axis=0) if config.backup == "max" else together.mean(axis=0)
    penalty = sum(penalties) / len(penalties)
    soft = lower_bound(best, config.rho) - config.kl_weight * penalty
    y = batch.rewards + math.prod([config.discount] * config.chunk) * batch.masks * soft

    q = value(here, here.live, batch.observations, batch.actions, 0)
    loss = sum(np.dot((member - y) ** 2, batch.valid) for member in q) / q.size
    return loss, {"critic_loss": loss, "q": q.mean(), "q_target": y.mean(), "chain_penalty": penalty.mean()}


def soft_value(here: Situation, policy: Predict, loss: str, row: int) -> Array:
    """One sample's penalised value after one step of a policy: Q after the last step, V before."""
    config, (s, x, t) = here.config, noised(here, loss, row)
    mean = step_mean(config, policy, s, x, t)
    deviation = math.sqrt(betas(config)[t - 1]) if t > 1 else 0.0
    reached = [value(here, here.target, s, mean + deviation * z[row], t - 1) for z in here.noise[f"{loss}_next"]]
    behaviour = predictor(config, here.target, "behaviour")
    penalty = divergence(config, policy, behaviour, s, x, t)
    return (lower_bound(sum(reached) / len(reached), config.rho) - config.kl_weight * penalty)[0]


def value_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """V against the averaged policy's penalised value."""
    policy, rows = predictor(here.config, here.target, "actor"), range(len(here.batch.valid))
    y = [soft_value(here, policy, "value", row) for row in rows]
    v = np.concatenate([value(here, here.live, *noised(here, "value", row)) for row in rows], axis=1)
    loss = sum(np.dot((member - y) ** 2, here.batch.valid) for member in v) / v.size
    return loss, {"value_loss": loss, "v": v.mean(), "v_target": np.mean(y)}


def actor_loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Minus the policy's own penalised value."""
    policy = predictor(here.config, here.live, "actor")
    values = [valid * soft_value(here, policy, "actor", row) for row, valid in enumerate(here.batch.valid)]
    return -np.mean(values), {"actor_value": np.mean(values)}


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The best of the averaged policy's chains by the averaged critics, of z (..., n, A) and path (..., T-1, n, A)."""
    predict, zs, paths = predictor(config, target, "actor"), noise["z"], noise["path"]
    candidates = np.stack(
        [
            chain(config, predict, s, zs[..., j, :], np.moveaxis(paths[..., j, :], -2, 0))[-1]
            for j in range(zs.shape[-2])
        ]
    )
    return highest(candidates, output(target["critic"], "value", s, candidates, act=mish)[..., 0])


def behave(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The averaged behaviour's chain from the first noises."""
    predict, path = predictor(config, target, "behaviour"), np.moveaxis(noise["path"][..., 0, :], -2, 0)
    return chain(config, predict, s, noise["z"][..., 0, :], path)[-1]
