"""BDPO: behaviour-regularised diffusion policy optimisation, with a KL penalty on each denoising step.

The equations are those of the released JAX version (RQL's authors ran the original as a baseline). With ᾱ_t, β_t of
the variance-preserving schedule, x_t = √ᾱ_t a + √(1-ᾱ_t) ε and LCB = mean - ρ std over the ensemble:

     1  L(β) ← ‖ε_β(s, x_t, t) - ε‖²;  until its own loss starts, π imitates the averaged ε_β
     2  x_{t-1} ← mean of the DDPM step at clip x̂_0(ε_π) + √β_t z 1(t > 1)                    a step of the policy
     3  ℓ_t ← ½ β_t ‖ε_π(s, x_t, t) - ε_β̄(s, x_t, t)‖² / ((1-β_t)(1-ᾱ_t))                     KL of that step
     4  y⁰ ← r + γ^h m [LCB(mean_N Q_φ̄(s', a'_n)) - η mean_N Σ_t ℓ_t],  N chains a'_n of π̄
     5  yᵗ ← LCB(mean_N V_ψ̄^{t-1}(s, x_{t-1}^n)) - η ℓ_t,  V⁰ = Q,  N steps of π̄ from x_t
     6  L(φ) ← (Q_φ(s, a) - y⁰)²,  L(ψ) ← (V_ψᵗ(s, x_t) - yᵗ)²
     7  L(π) ← -[LCB(mean_N V_ψ̄^{t-1}(s, x_{t-1}^n)) - η ℓ_t]  through x_{t-1} and ℓ_t of π
     8  a ← the best of n chains of π̄ by mean Q_φ̄, which acts

    symbol  here                                      symbol  here
    Q_φ     critic (bar: its average)                 N       samples
    V_ψᵗ    value, value_step (bar: average)          T       diffusion_steps
    ε_π     actor, actor_step (bar: average)          η       kl_weight
    ε_β     behaviour, behaviour_step (bar: average)  ρ       rho
    h       chunk                                     γ       discount
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network
from .denoising_steps import features, noised, penalised_chain, predictor, soft_value, value_after
from .flow_policy import best
from .noise_prediction import B_MAX, B_MIN, along, noise_network, step_network
from .temporal_difference import critic_loss


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of BDPO; the defaults are the released ones for D4RL's halfcheetah."""

    kl_weight: float = 0.05  # η, lines 4, 5, 7
    rho: float = 0.5  # ρ of LCB, lines 4, 5, 7
    critics: int = 10  # K: members of Q and of V
    best_of_n: int = 10  # n, line 8
    diffusion_steps: int = 5  # T
    samples: int = 10  # N, lines 4, 5, 7
    critic_layers: int = 3  # Q and V have that many of the hidden layers
    embedding: int = 64  # size of the embedded step
    hidden: tuple[int, ...] = (256, 256, 256, 256)  # D4RL antmaze 512
    layer_norm: bool = False  # of Q (V always has it); D4RL antmaze has
    backup: Literal["mean", "max"] = "mean"  # over the N chains of line 4; D4RL antmaze takes the maximum
    chunk: int = 1  # h: actions executed per decision
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    actor_learning_rate: float = 1e-5  # of line 7
    target_rate: float = 0.005  # step of all averages
    pretraining: int = 1_000_000  # updates before the critics' first (the D4RL release 2,000,000)
    warmup: int = 1_050_000  # updates before line 7 takes over from imitation: the critics' first 50,000 are without


class Networks(NamedTuple):
    """Values after t steps of noise, behaviour and policy, each beside the embedding of its step, and Q."""

    critic: Any
    value: Any
    value_step: Any
    behaviour: Any
    behaviour_step: Any
    actor: Any
    actor_step: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """Two ensembles, two noise predictions, and an embedding of the step for each that sees it."""
    observation, action = dimensions
    inputs, layers, head = (observation, action), config.hidden[: config.critic_layers], (Head("value", 1),)
    members, size = config.critics, config.embedding
    step = step_network(features(config), (size, size), size)
    noise = noise_network(observation, action, size, config.hidden)
    return Networks(
        critic=Network(inputs, layers, head, members, config.layer_norm, scalar=True, activation="mish"),
        value=Network((*inputs, size), layers, head, members, layer_norm=True, scalar=True, activation="mish"),
        value_step=step,
        behaviour=noise,
        behaviour_step=step,
        actor=noise,
        actor_step=step,
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: N chains at the next observation; a step t and the noise of x_t for each other loss."""
    one = Noise((batch, dimensions.action))
    several = Noise((config.samples, *one.shape))
    return {
        "next_start": several,
        "next_path": Noise((config.diffusion_steps - 1, *several.shape)),
        **{f"{loss}_time": Noise((batch, 1), "uniform") for loss in ("clone", "value", "actor")},
        **{f"{loss}_noise": one for loss in ("clone", "value", "actor")},
        "value_next": several,
        "actor_next": several,
    }


def behaviour_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Line 1: the behaviour's noise prediction."""
    x, step = noised(K, config, batch, noise, "clone")
    predicted = predictor(K, config, models.online, "behaviour")(batch.observations, x, step)
    loss = K.xp.mean(K.ddpm_loss(predicted, noise["clone_noise"]) * batch.valid)
    return loss, {"behaviour_loss": loss}


def imitation_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Line 1: the policy's prediction becomes the averaged behaviour's."""
    x, step = noised(K, config, batch, noise, "clone")
    predicted = predictor(K, config, models.online, "actor")(batch.observations, x, step)
    wanted = predictor(K, config, models.target, "behaviour")(batch.observations, x, step)
    loss = K.xp.mean(K.ddpm_loss(predicted, wanted) * batch.valid)
    return loss, {"imitation_loss": loss}


def q_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 4 and 6: the value of data actions, by N chains at the next observation and their penalties."""
    s = batch.next_observations
    policy, behaviour = (along(predictor(K, config, models.target, name), s) for name in ("actor", "behaviour"))
    actions, penalties = penalised_chain(K, policy, behaviour, noise["next_start"], noise["next_path"])
    over_chains = K.xp.max if config.backup == "max" else K.xp.mean
    q_next = over_chains(models.target.critic(s, actions), axis=1)
    penalty = K.xp.mean(penalties, axis=0)
    soft = K.ensemble_lower_bound(q_next, config.rho) - config.kl_weight * penalty
    y = K.stop_gradient(batch.rewards + config.discount**config.chunk * batch.masks * soft)
    loss, metrics = critic_loss(K, models, batch, y)
    return loss, metrics | {"chain_penalty": K.xp.mean(penalty)}


def value_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 5 and 6: the value of noised actions, by one step of the averaged policy."""
    soft, x, step = soft_value(K, config, models, predictor(K, config, models.target, "actor"), batch, noise, "value")
    v = value_after(K, config, models.online, batch.observations, x, step)
    loss = K.xp.mean(K.xp.square(v - K.stop_gradient(soft)) * batch.valid)
    return loss, {"value_loss": loss, "v": K.xp.mean(v), "v_target": K.xp.mean(soft)}


def actor_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Line 7: the policy's own step from noised data actions."""
    soft, _, _ = soft_value(K, config, models, predictor(K, config, models.online, "actor"), batch, noise, "actor")
    value = K.xp.mean(soft * batch.valid)
    return -value, {"actor_value": value}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Line 8: the best of n chains of the averaged policy by the averaged critics' mean."""
    z, path = K.xp.moveaxis(noise["z"], -2, 0), K.xp.moveaxis(noise["path"], (-3, -2), (0, 1))
    policy = along(predictor(K, config, models.target, "actor"), observations)
    candidates = K.xp.clip(K.dac_sample(policy, z, path, B_MIN, B_MAX), -1.0, 1.0)
    return best(K, models.target.critic, observations, candidates, K.ensemble_mean)


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """A chain of the averaged behaviour from the first noises."""
    z, path = noise["z"][..., 0, :], K.xp.moveaxis(noise["path"][..., 0, :], -2, 0)
    policy = along(predictor(K, config, models.target, "behaviour"), observations)
    return K.xp.clip(K.dac_sample(policy, z, path, B_MIN, B_MAX), -1.0, 1.0)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: a start and a path for each candidate."""
    candidates = (config.best_of_n, dimensions.action)
    return {"z": Noise(candidates), "path": Noise((config.diffusion_steps - 1, *candidates))}


DEVIATIONS = (
    "The released code first trains ε_β alone and then copies its average into π. Engines copy no parameters: π starts "
    "elsewhere and until `warmup` regresses on the averaged ε_β's prediction, so that the penalty starts near zero.",
    "While only the critics train, between `pretraining` and `warmup`, π goes on imitating ε_β; released, it rests.",
    "`pretraining` is RQL's million, which doubles the updates of other methods; the D4RL release clones for two.",
    "Every 5th update trains π, as released; all averages move in every update, after the step.",
    "ε_β in the penalties is its average, which π started from; the sources seen do not say which of the two it is.",
    "The penalty is the KL of steps without the clip of x̂_0, as released; their steps clip it.",
    "With `backup` = max each member's maximum over chains is taken before LCB, and the penalty keeps its mean.",
    "V and π draw x_t, t and N next points each for itself; windows that leave their episode train nothing.",
    "V has an embedding of its step for the whole ensemble, built as those of ε; the sources seen do not say.",
    "Layers are Dense, mish, LayerNorm with Glorot-uniform kernels; released, LayerNorm comes before mish and kernels "
    "are orthogonal. The embedding of a step has two mish layers, as released, and a linear one after them.",
    "The actor's learning rate stays constant; released, it follows a cosine over two million updates.",
    "Critics are as wide as the policies, 512 where those of D4RL antmaze are; released, always 256.",
    "Cloning averages over action dimensions, as the other methods here do.",
    "The released code chooses among its candidates in evaluation at temperature 0 and else takes the first; here the "
    "best acts always.",
)

BDPO = Algorithm(
    name="bdpo",
    paper="RQL",
    summary="diffusion policy by values of its denoising steps, each with a KL penalty to a behaviour diffusion",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("behaviour", behaviour_loss, ("behaviour", "behaviour_step"), clip_norm=1.0),
        Update("imitation", imitation_loss, ("actor", "actor_step"), clip_norm=1.0, until="warmup"),
        Update("critic", q_loss, ("critic",), clip_norm=1.0, since="pretraining"),
        Update("value", value_loss, ("value", "value_step"), clip_norm=1.0, since="pretraining"),
        Update("actor", actor_loss, ("actor", "actor_step"), 1.0, 5, "actor_learning_rate", since="warmup"),
    ),
    averages={name: Average("after") for name in Networks._fields},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
