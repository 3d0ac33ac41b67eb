"""DAC: a diffusion policy whose noise prediction is pushed against the critic's gradient.

x_i ← √ᾱ_i a + √(1-ᾱ_i) ε,  i ~ U{1..T}                                                   below eq. 45
L(θ) ← √(1-ᾱ_i) ∇_x mean_K Q_φ̄(s, x_i) · ε_θ(s, x_i, i) + η ‖ε - ε_θ(s, x_i, i)‖²              eqs. 53-54
a' ← Diff(ε_θ(s', ·, ·)) with clipped data estimates, which also acts                       eqs. 55-56
L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', a'))²                                  eqs. 26, 57

L(θ) is η ‖ε_θ - (ε - √(1-ᾱ_i) ∇Q/(2 η))‖² up to a number without gradient, which is how it is written below.

symbol  here                                        symbol  here
ε_θ     predictor, of the step network's output      η       bc_weight
Q_φ     critic (bar: its average)                   T       diffusion_steps
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Parameter, critic
from .noise_prediction import along, alpha_bar, fourier_features, noise_network, random_step, step_network
from .temporal_difference import EnsembleConfig, critic_loss, pessimistic_target


@dataclass(frozen=True)
class Config(EnsembleConfig):
    """Hyper-parameters of DAC; the defaults are the paper's for scene (Tables 3 and 4)."""

    bc_weight: float = 1.0  # η, eq. 54: weight of cloning
    diffusion_steps: int = 10  # T, eq. 46
    frequencies: int = 32  # of the step's Fourier features, learnable


class Networks(NamedTuple):
    """Critic ensemble; noise predictor, embedding of the step and frequencies of its features."""

    critic: Any
    predictor: Any
    step: Any
    frequencies: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The critic and the three parts of ε_θ; the step is embedded in as many numbers as the last layer is wide."""
    observation, action = dimensions
    *hidden, size = config.hidden
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        predictor=noise_network(observation, action, size, config.hidden),
        step=step_network(2 * config.frequencies, tuple(hidden), size),
        frequencies=Parameter(0.0, (config.frequencies,), spread=0.2),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of the diffused data and of the next actions' sampler."""
    one = Noise((batch, dimensions.action))
    return {
        "step": Noise((batch, 1), "uniform"),
        "diffused": one,
        "next_start": one,
        "next_steps": Noise((config.diffusion_steps - 1, batch, dimensions.action)),
    }


def predicted(K: Any, bound: Any, observations: Array, x: Array, step: Array) -> Array:
    """ε_θ(s, x, i) for steps i (..., 1) given as floats."""
    embedding = bound.step(fourier_features(K, step, bound.frequencies()))
    return bound.predictor(x, observations, embedding)


def sampler_field(K: Any, models: Models, observations: Array) -> Any:
    """ε_θ(s, ·, ·) along a sampler."""
    return along(lambda s, x, step: predicted(K, models.frozen, s, x, step), observations)


def sampled_action(K: Any, models: Models, observations: Array, start: Array, noises: Array) -> Array:
    """Diff(ε_θ(s, ·, ·)) of eqs. 55-56; the clip takes off the rounding of the last step."""
    x = K.dac_sample(sampler_field(K, models, observations), start, noises)
    return K.xp.clip(x, -1.0, 1.0)


def diffused(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Array, Array]:
    """ᾱ_i, ε_θ(s, x_i, i) and ∇_x mean_K Q_φ̄(s, x_i) at the diffused data x_i."""
    step = random_step(K, noise["step"], config.diffusion_steps)
    level = alpha_bar(K, step, config.diffusion_steps)
    x = K.vp_path(batch.actions, noise["diffused"], level)
    grad = K.action_gradient(lambda a: models.target.critic(batch.observations, a), x, K.ensemble_mean)
    return level, predicted(K, models.online, batch.observations, x, step), grad


def joint_loss(
    K: Any, config: Any, models: Models, batch: Batch, next_actions: Array, errors: Array, cloning: Array
) -> tuple[Array, Metrics]:
    """L(φ) + L(θ), the latter from each sample's errors; windows that leave their episode train nothing."""
    value, metrics = critic_loss(K, models, batch, pessimistic_target(K, config, models, batch, next_actions))
    actor = K.xp.mean(errors * batch.valid)
    return value + actor, metrics | {"actor_loss": actor, "cloning_loss": K.xp.mean(cloning * batch.valid)}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 54 and 57 as one loss: one Adam, one joint gradient norm."""
    next_actions = sampled_action(K, models, batch.next_observations, noise["next_start"], noise["next_steps"])
    level, prediction, grad = diffused(K, config, models, batch, noise)
    target = K.dac_target(noise["diffused"], grad, level, config.bc_weight)
    errors = config.bc_weight * K.ddpm_loss(prediction, target)
    return joint_loss(K, config, models, batch, next_actions, errors, K.ddpm_loss(prediction, noise["diffused"]))


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One sample of the diffusion."""
    return sampled_action(K, models, observations, noise["z"], K.xp.moveaxis(noise["steps"], -2, 0))


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: the start and the steps'."""
    steps = Noise((config.diffusion_steps - 1, dimensions.action))
    return {"z": Noise((dimensions.action,)), "steps": steps}


SHARED_DEVIATIONS = (
    "Steps count from 1 to T, with ᾱ_0 = 1; eqs. 46-47 count from 0.",
    "∇Q is the averaged critics' mean at the diffused action, without ρ and a clip, as released.",
    "Both of the actor's terms are multiplied by validity. The released code raises them to its power: its gradient is "
    "the same, its loss has 1 where a window is invalid.",
    "Norms and inner products are averages over action dimensions, as released.",
    "The step's features are cos and sin of 2π f i for learnable f of standard deviation 0.2; that the released code "
    "has the factor 2π is taken from the usual layer.",
    "Defaults are the tuned values for scene; those of the released code were not looked up.",
)
DEVIATIONS = (
    *SHARED_DEVIATIONS,
    "√(1-ᾱ_i) weights the gradient, as released; eqs. 53-54 omit it. There is no τ: with it η would be 1/(2 τ).",
    "Eq. 54 has a norm around the inner product; the released code, followed here, has none.",
    "The loss is written as one square around its minimiser; its value differs from eq. 54's by a number without "
    "gradient, and η must be positive.",
    "Eq. 56 as in Ho et al. 2020 with variance β_i, as released; the printed mean lacks a division by 1-ᾱ_i.",
    "The action is clipped once more at its end, which in exact arithmetic changes nothing.",
)

DAC = Algorithm(
    name="dac",
    paper="QAM",
    summary="diffusion policy cloned and pushed along the critic's gradient",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "predictor", "step", "frequencies"), clip_norm=1.0),),
    averages={"critic": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
