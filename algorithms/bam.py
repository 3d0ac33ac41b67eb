"""BAM: QAM with basic adjoint matching, that is, backpropagation through the memoryless SDE.

With h = 1/T, t_i = i h, σ_i² = 2 (1-t_i+h)/(t_i+h), as released:

    x_0 = z,  x_{i+1} = x_i + h (2 f_θ(x_i, t_i) - x_i/(t_i+h)) + √h σ_i ε_i,  i < T-1        QAM eqs. 7, 24
    x_T = x_{T-1} + h f_β̄(x_{T-1}, t_{T-1})
    L(θ) ← Σ_{i<T-1} 2/σ_i² ‖f_θ - f_β̄‖²(x_i, t_i) - τ (mean - ρ std) Q_φ(s, x_T)             eqs. 8, 12

Its gradient is that of ½ Σ ‖2 (f_θ - f_β̄)/σ_i + σ_i g_{i+1}‖² with the basic adjoint g that ends in
g_T = -h τ ∇ (mean - ρ std) Q (eqs. 10-12; checked in verification/test_basic_adjoint_matching.py). Critic,
behaviour flow and acting are QAM's.

symbol  here                          symbol  here
f_θ     fast                          τ       inv_temp
f_β     slow (bar: its average)       ρ       rho
Q_φ     critic                        T       flow_steps
"""

from dataclasses import dataclass
from typing import Any

from ..core.algorithm import Algorithm, Array, Average, Batch, Metrics, Models, Noises, Update
from . import qam
from .flow_policy import cloning_errors
from .temporal_difference import critic_loss, pessimistic_target


@dataclass(frozen=True)
class Config(qam.Config):
    """QAM's hyper-parameters."""

    inv_temp: float = 10.0  # τ, eq. 10: the tilt is exp(τ Q/T); the released script has 10 or 30


def control_cost(K: Any, config: Any, models: Models, s: Array, noise: Noises) -> tuple[Array, Array]:
    """The end of the memoryless SDE of f_θ and the running cost along it, per sample; both carry its gradient."""
    z, h = noise["sde_start"], 1.0 / config.flow_steps
    x, cost = z, K.xp.zeros_like(z[..., 0])
    for i in range(config.flow_steps - 1):
        t = K.xp.full_like(z[..., :1], i / config.flow_steps)
        sigma = K.memoryless_sigma(t, h)
        v = models.online.fast(s, x, t)
        residual = v - models.target.slow(s, x, t)
        cost = cost + K.xp.sum(2.0 * K.xp.square(residual / sigma), axis=-1)
        x = x + h * (2.0 * v - x / (t + h)) + h**0.5 * sigma * noise["sde"][i]
    return x + h * models.target.slow(s, x, K.xp.full_like(z[..., :1], 1.0 - h)), cost


def control_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Running cost minus τ times the pessimistic value at the unclipped end; no validity mask, as released."""
    end, cost = control_cost(K, config, models, batch.observations, noise)
    q = models.frozen.critic(batch.observations, end)
    value = K.xp.mean(K.ensemble_lower_bound(q, config.rho))
    cost = K.xp.mean(cost)
    return cost - config.inv_temp * value, {"control_cost": cost, "end_value": value}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """QAM's critic and behaviour flow, and the control loss, as one sum: one Adam, one joint gradient norm."""
    next_actions = qam.tilted_action(K, config, models, batch.next_observations, noise["next_action"])
    critic, critic_metrics = critic_loss(K, models, batch, pessimistic_target(K, config, models, batch, next_actions))
    errors = cloning_errors(K, models.online.slow, batch, noise["behaviour"], noise["time"])
    behaviour = K.xp.mean(errors * batch.valid)
    control, control_metrics = control_loss(K, config, models, batch, noise)
    return critic + behaviour + control, critic_metrics | {"behaviour_loss": behaviour} | control_metrics


DEVIATIONS = (
    "The gradient is taken through the rollout, as released; eq. 12 states the matching loss, whose gradient is the "
    "same up to a factor (with the costate at the end of each step).",
    "The running cost lacks the step size 1/T, as released, so that the same inv_temp tilts by 1/T of QAM's exponent.",
    "The value is mean - ρ std of the online critics at the unclipped end, as released; the paper says that all but "
    "the objective is QAM's, whose terminal condition is the averaged critics' mean at the clipped action.",
    "The last SDE step is the averaged base flow's, as released: f_θ is not trained at time 1 - 1/T, where acting "
    "queries it.",
    "The gradient is clipped to joint norm 1, as released; Table 3 names QSM, DAC and QAM alone.",
    "The default inv_temp is a value of the released script; Table 4 gives QAM's (1 to 30) for both.",
    "f_θ is the full velocity, started independently of f_β; σ and x/t are shifted by one step, as in QAM.",
)

BAM = Algorithm(
    name="bam",
    paper="QAM",
    summary="flow policy fine-tuned by backpropagation through the memoryless SDE",
    config=Config,
    networks=qam.networks,
    noise=qam.noise,
    updates=(Update("joint", loss, ("critic", "slow", "fast"), clip_norm=1.0),),
    averages={"critic": Average(), "slow": Average()},
    act=qam.act,
    act_noise=qam.act_noise,
    behaviour=qam.behave,
    deviations=DEVIATIONS,
)
