"""DQL once more, from OFQL eqs. 2-7 and the official code's numbers; DQL+DDIM by the noise put to zero."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .parts import Array, Forest, Situation, clipped, mish, output, residual
from .record import Record, Trained

NEXT = "target.actor target.step target.critic noise.next_chain batch.next_observations batch.rewards batch.masks"
CLONING = "online.actor online.step noise.step noise.diffusion batch.observations batch.actions batch.valid"

CRITIC_READS = {
    "q": "online.critic batch.observations batch.actions",
    "q_target": NEXT,
    "critic_loss": f"{NEXT} online.critic batch.observations batch.actions batch.valid",
}
ACTOR_READS = {
    "behaviour_loss": CLONING,
    "normalised_q": "online.actor online.step online.critic noise.chain noise.pair batch.observations",
}

SHARED_DEFAULTS = {
    "eta": 1.0,
    "q_scale_at": "policy",
    "critics": 2,
    "critic_norm": False,
    "hidden": (256, 256, 256),
    "backup_candidates": 1,
    "best_of_n": 50,
    "softmax_weight": 1.0,
    "chunk": 1,
    "discount": 0.99,
    "target_rate": 0.005,
    "actor_rate": 0.005,
    "learning_rate": 3e-4,
    "batch_size": 256,
}
POLICY_AVERAGE = ("after", 5, "actor_rate", 1000)

RECORD = Record(
    updates={
        "critic": Trained(("critic",), clip_norm="grad_norm"),
        "actor": Trained(("actor", "step"), clip_norm="grad_norm"),
    },
    averages={"critic": ("after", 1), "actor": POLICY_AVERAGE, "step": POLICY_AVERAGE},
    noise={
        "step": "uniform B 1",
        "diffusion": "normal B A",
        "chain": "normal diffusion_steps B A",
        "next_chain": "normal diffusion_steps backup_candidates B A",
        "pair": "uniform 1",
    },
    act_noise={"chain": "normal diffusion_steps n A", "choice": "uniform n"},
    # of 29 sinusoids: in the record's sizes that is 58, and twice as many inside the embedding of the step
    networks={
        "critic": "S+A -> value:1 scalar K mish",
        "actor": "A+S+58 -> noise:A mish",
        "step": "58 -> embedding:58 mish (116,)",
    },
    defaults={
        **SHARED_DEFAULTS,
        "diffusion_steps": 5,
        "frequencies": 8,
        "acting_policy": "online",
        "start_scale": 1.0,
        "grad_norm": 9.0,
    },
)
DDIM_RECORD = RECORD._replace(act_noise={"start": "normal n A", "choice": "uniform n"})


def noise_levels(steps: int) -> tuple[list[float], list[float]]:
    """β_1..β_T of the variance-preserving schedule from 0.1 to 10, and ᾱ_0..ᾱ_T as running products of 1 - β."""
    betas, kept = [], [1.0]
    for i in range(1, steps + 1):
        betas.append(1.0 - math.exp(-0.1 / steps - 0.5 * 9.9 * (2 * i - 1) / steps**2))
        kept.append(kept[-1] * (1.0 - betas[-1]))
    return betas, kept


def sinusoids(numbers: Array, frequencies: int) -> Array:
    """sin of x/10000^(j/(F-1)) for j < F, and then their cosines, of numbers x (..., 1)."""
    rates = [10000.0 ** (-j / (frequencies - 1)) if j else 1.0 for j in range(frequencies)]
    return np.concatenate([function(numbers * rate) for function in (np.sin, np.cos) for rate in rates], axis=-1)


def network(forest: Forest, head: str, config: Any, s: Array, x: Array, k: Array) -> Array:
    """The policy's network at steps k (..., 1), which the official code counts from 0."""
    embedding = output(forest["step"], "embedding", sinusoids(k - 1.0, config.frequencies), act=mish)
    apply = residual if "enter.kernel" in forest["actor"] else output
    return apply(forest["actor"], head, x, s, embedding, act=mish)


def critic(tree: Mapping[str, Array], s: Array, a: Array) -> Array:
    """Q_j(s, a), members first."""
    return output(tree, "value", s, a, act=mish)[..., 0]


def chain_action(forest: Forest, config: Any, s: Array, start: Array, noises: Array) -> Array:
    """Eq. 5 with the conditional variance and x̂ between -1 and 1; noises of the steps T..2."""
    betas, kept = noise_levels(config.diffusion_steps)
    x = start
    for i in reversed(range(1, config.diffusion_steps + 1)):
        epsilon = network(forest, "noise", config, s, x, np.full((*x.shape[:-1], 1), float(i)))
        data = clipped(math.sqrt(1.0 / kept[i]) * x - math.sqrt(1.0 / kept[i] - 1.0) * epsilon)
        left, beta = 1.0 - kept[i], betas[i - 1]
        mean = beta * math.sqrt(kept[i - 1]) / left * data + (1.0 - kept[i - 1]) * math.sqrt(1.0 - beta) / left * x
        spread = math.sqrt(beta * (1.0 - kept[i - 1]) / left)
        x = mean if i == 1 else mean + spread * noises[config.diffusion_steps - i]
    return clipped(x)


def noised(here: Situation) -> tuple[Array, Array]:
    """Each row's action at a step of its own, and that step."""
    config, noise = here.config, here.noise
    _, kept = noise_levels(config.diffusion_steps)
    k = [1 + int(u * config.diffusion_steps) for u in noise["step"][:, 0]]
    rows = zip(k, here.batch.actions, noise["diffusion"], strict=True)
    return np.stack([math.sqrt(kept[i]) * a + math.sqrt(1.0 - kept[i]) * e for i, a, e in rows]), np.array([k]).T * 1.0


def cloning(here: Situation) -> Array:
    """Eq. 4, averaged over dimensions and the whole batch."""
    x, k = noised(here)
    off = network(here.live, "noise", here.config, here.batch.observations, x, k) - here.noise["diffusion"]
    return np.dot((off**2).sum(axis=-1), here.batch.valid) / off.size


def critic_loss(here: Situation, candidates: Array) -> tuple[Array, dict[str, Array]]:
    """Eq. 6: each averaged critic's largest value of the candidates (n, B, A), the smaller one, both critics' loss."""
    config, batch = here.config, here.batch
    each = [critic(here.target["critic"], batch.next_observations, a) for a in candidates]
    best = each[0]
    for q in each[1:]:
        best = np.where(q > best, q, best)
    future = batch.masks * best.min(axis=0)
    for _ in range(config.chunk):
        future = config.discount * future
    y = batch.rewards + future
    q = critic(here.live["critic"], batch.observations, batch.actions)
    losses = [np.dot((member - y) ** 2, batch.valid) / len(y) for member in q]
    return sum(losses), {"critic_loss": sum(losses) / len(q), "q": q.mean(), "q_target": y.mean()}


def actor_loss(here: Situation, behaviour: Array, actions: Array) -> tuple[Array, dict[str, Array]]:
    """Eq. 7 with one critic's value over the size of the next one's."""
    config, batch = here.config, here.batch
    first = int(here.noise["pair"][0] * config.critics)
    scaled_at = {"policy": actions.real, "data": batch.actions}[config.q_scale_at]
    size = np.abs(critic(here.held["critic"], batch.observations, scaled_at)[(first + 1) % config.critics]).mean()
    value = critic(here.held["critic"], batch.observations, actions)[first].mean() / size
    return behaviour - config.eta * value, {"behaviour_loss": behaviour, "normalised_q": value}


def critic_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The critics' loss."""
    chain = here.noise["next_chain"]
    return critic_loss(here, chain_action(here.target, here.config, here.batch.next_observations, chain[0], chain[1:]))


def actor_update(here: Situation) -> tuple[Array, dict[str, Array]]:
    """The policy's loss, through the whole chain."""
    chain = here.noise["chain"]
    actions = chain_action(here.live, here.config, here.batch.observations, chain[0], chain[1:])
    return actor_loss(here, cloning(here), actions)


def chosen(config: Any, target: Forest, s: Array, candidates: list[Array], uniform: Array) -> Array:
    """Of candidates the one with the earliest of exponential arrivals at rates exp(w min Q), which is their softmax."""
    late = [
        np.log(-np.log(uniform[..., n])) - config.softmax_weight * critic(target["critic"], s, a).min(axis=0)
        for n, a in enumerate(candidates)
    ]
    return np.take_along_axis(np.stack(candidates), np.argmin(late, axis=0)[None, ..., None], axis=0)[0]


def acting(config: Any, held: Forest, target: Forest) -> Forest:
    """The parameters that act."""
    return {"online": held, "target": target}[config.acting_policy]


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """A chain for each candidate of noise (..., T, n, A)."""
    chain, policy = noise["chain"], acting(config, held, target)
    candidates = []
    for n in range(chain.shape[-2]):
        steps = [chain[..., i, n, :] for i in range(chain.shape[-3])]
        candidates.append(chain_action(policy, config, s, config.start_scale * steps[0], np.array(steps[1:])))
    return chosen(config, target, s, candidates, noise["choice"])


def act_at_once(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """The action whose noising with the predicted noise is x_T, of each candidate's start (..., n, A)."""
    policy, T = acting(config, held, target), config.diffusion_steps
    kept = math.exp(-0.1 - 0.5 * 9.9)
    candidates = []
    for n in range(noise["start"].shape[-2]):
        x = config.start_scale * noise["start"][..., n, :]
        epsilon = network(policy, "noise", config, s, x, np.full((*x.shape[:-1], 1), float(T)))
        candidates.append(clipped((x - math.sqrt(1.0 - kept) * epsilon) / math.sqrt(kept)))
    return chosen(config, target, s, candidates, noise["choice"])


LOSSES: Mapping[str, Callable[[Situation], tuple[Array, dict[str, Array]]]] = {
    "critic": critic_update,
    "actor": actor_update,
}
READS = {"critic": CRITIC_READS, "actor": ACTOR_READS}
