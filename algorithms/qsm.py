"""QSM: a diffusion policy whose noise prediction is matched to the critic's gradient.

L(θ) ← ‖-τ ∇_x mean_K Q_φ̄(s, x_i) - ε_θ(s, x_i, i)‖² + η ‖ε - ε_θ(s, x_i, i)‖²                 eqs. 48-50
a' ← Diff(ε_θ(s', ·, ·)), clipped after every step, which also acts                         eq. 51
L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', a'))²                                  eqs. 26, 52

x_i, the networks and the symbols are those of DAC (dac.py), and τ is inv_temp.
"""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Algorithm, Array, Average, Batch, Metrics, Models, Noises, Update
from . import dac
from .dac import diffused, joint_loss, sampler_field


@dataclass(frozen=True)
class Config(dac.Config):
    """Hyper-parameters of QSM; the defaults are the paper's for scene (Tables 3 and 4)."""

    bc_weight: float = 30.0  # η, eq. 50: weight of cloning
    inv_temp: float = 3.0  # τ, eq. 48: strength of the tilt exp(τ Q)


def sampled_action(K: Any, models: Models, observations: Array, start: Array, noises: Array) -> Array:
    """Diff(ε_θ(s, ·, ·)) of eq. 51 as released."""
    return K.qsm_sample(sampler_field(K, models, observations), start, noises)


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eqs. 50 and 52 as one loss: one Adam, one joint gradient norm."""
    next_actions = sampled_action(K, models, batch.next_observations, noise["next_start"], noise["next_steps"])
    _, prediction, grad = diffused(K, config, models, batch, noise)
    matching = K.ddpm_loss(prediction, K.qsm_target(grad, config.inv_temp))
    cloning = K.ddpm_loss(prediction, noise["diffused"])
    return joint_loss(K, config, models, batch, next_actions, matching + config.bc_weight * cloning, cloning)


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One sample of the diffusion."""
    return sampled_action(K, models, observations, noise["z"], K.xp.moveaxis(noise["steps"], -2, 0))


DEVIATIONS = (
    *dac.SHARED_DEVIATIONS,
    "ε_θ is matched to -τ ∇Q, as released; eq. 48 has +τ ∇Q, against its own samplers.",
    "No factor √(1-ᾱ_i) before τ ∇Q, as printed and released, although the score of the tilt has it.",
    "A step's mean is the data estimate itself, as released; eq. 51 has the mean of a DDPM step.",
)

QSM = Algorithm(
    name="qsm",
    paper="QAM",
    summary="diffusion policy matched to the critic's gradient and cloned",
    config=Config,
    networks=dac.networks,
    noise=dac.noise,
    updates=(Update("joint", loss, ("critic", "predictor", "step", "frequencies"), clip_norm=1.0),),
    averages={"critic": Average()},
    act=act,
    act_noise=dac.act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
