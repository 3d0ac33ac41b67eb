"""IDQL: implicit diffusion Q-learning (Hansen-Estruch et al. 2023), as OFQL's baseline in CleanDiffuser.

L(ψ) = E |κ - 1(u < 0)| u²,  u = min_j Q_φ̄ⱼ(s, a) - V_ψ(s)                every second update
L(φ) = (Q_φ(s, a) - R - γ^h m V_ψ(s'))²                                  every second update
L(θ) = ‖ε - ε_θ(√ᾱ_k a + √(1-ᾱ_k) ε, s, k)‖²,  k uniform on 1..T         cloning alone
acting: DQL's sampler on the average of θ; one of N candidates with probability ∝ exp(w (min_j Q_φ̄ⱼ - V_ψ))

symbol  here                                symbol  here
ε_θ     actor of step's embedding of k      κ       kappa
Q_φ     critic (bar: its average)           T       diffusion_steps
V_ψ     value                               w, N    softmax_weight, best_of_n
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, ResidualNetwork
from .behaviour_regularised import mish_critic, softmax_choice
from .diffusion_policy import cloning_loss, diffusion_action, embedding_of_step
from .dql import act_noise
from .implicit_values import implicit_target, value_loss
from .temporal_difference import critic_loss


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of IDQL; the defaults are CleanDiffuser's for halfcheetah-medium-expert."""

    kappa: float = 0.7  # κ of L(ψ); 0.9 on antmaze
    diffusion_steps: int = 5  # T
    frequencies: int = 32  # of the sinusoids of k: an embedding of twice as many numbers
    width: int = 256  # of the policy's residual network; its blocks are four times as wide inside
    blocks: int = 3  # of the policy's residual network
    critics: int = 2  # number of critics
    critic_norm: bool = True  # layer norm in the critics
    hidden: tuple[int, ...] = (256, 256)  # widths of critics and value
    best_of_n: int = 256  # N, candidates when acting
    softmax_weight: float = 10.0  # w, acting: 0 draws a candidate uniformly, ∞ the best
    start_scale: float = 0.5  # factor of x_T when acting
    chunk: int = 1  # h: actions executed per decision
    discount: float = 0.99  # γ, per environment step
    target_rate: float = 0.005  # step of the critics' average, every second update
    actor_rate: float = 1e-4  # step of the policy's average, every update
    learning_rate: float = 3e-4  # of Adam
    batch_size: int = 256  # windows per update


class Networks(NamedTuple):
    """Critics, value, policy, and the embedding of the step that belongs to the policy."""

    critic: Any
    value: Any
    actor: Any
    step: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The four networks of IDQL."""
    observation, action = dimensions
    scalar = (Head("value", 1),)
    inputs = (action, observation, 2 * config.frequencies)
    return Networks(
        critic=mish_critic(observation, action, config),
        value=Network((observation,), config.hidden, scalar, layer_norm=True, scalar=True, activation="mish"),
        actor=ResidualNetwork(inputs, config.width, config.blocks, (Head("noise", action),), activation="mish"),
        step=embedding_of_step(config),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update."""
    return {"step": Noise((batch, 1), "uniform"), "diffusion": Noise((batch, dimensions.action))}


def value_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(ψ): the expectile of the averaged critics' smallest value; no validity mask."""
    q = K.ensemble_min(models.target.critic(batch.observations, batch.actions))
    loss, v = value_loss(K, models, batch, q, config.kappa)
    return loss, {"value_loss": loss, "value": K.xp.mean(v)}


def critic_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(φ)."""
    return critic_loss(K, models, batch, implicit_target(K, config, models, batch))


def actor_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(θ)."""
    loss = cloning_loss(K, config, models, batch, noise)
    return loss, {"behaviour_loss": loss}


def candidate_actions(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """N actions (N, ..., h·A) of the averaged policy."""
    chain = K.xp.moveaxis(noise["chain"], (-3, -2), (0, 1))
    return diffusion_action(K, config, models.target, observations, config.start_scale * chain[0], chain[1:])


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One of N actions; V(s) is the same for all of them and cancels."""
    candidates = candidate_actions(K, config, models, observations, noise)
    return softmax_choice(K, config, models, observations, candidates, noise["choice"])


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The first of the N actions: the averaged policy by itself."""
    return candidate_actions(K, config, models, observations, noise)[0]


IDQL = Algorithm(
    name="idql",
    paper="OFQL",
    summary="diffusion policy that clones; implicit values choose among its actions",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("value", value_update, ("value",), every=2),
        Update("critic", critic_update, ("critic",), every=2),
        Update("actor", actor_update, ("actor", "step")),
    ),
    averages={
        "critic": Average("after", every=2),
        "actor": Average("after", rate="actor_rate"),
        "step": Average("after", rate="actor_rate"),
    },
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=(
        "Values train every second update, as in CleanDiffuser; the paper trains them every update.",
        "The critic's loss sees V from before the step; CleanDiffuser updates V first.",
        "The critic's average moves by 0.005; CleanDiffuser's by 0.995, which looks like swapped coefficients "
        "(target_rate = 0.995).",
        "No dropout in the policy; CleanDiffuser has 0.1.",
        "ᾱ is DQL's schedule, not CleanDiffuser's cosine, and its T steps have no idle one.",
        "Adam has no schedule and no weight decay; CleanDiffuser has AdamW and cosine rates. Initial weights are "
        "Glorot-uniform.",
        "Windows that leave their episode are masked in the critic's and the cloning loss; D4RL's have one step.",
        "V(s) in the candidates' weights cancels and is not computed.",
    ),
)
