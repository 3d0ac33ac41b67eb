"""QAM: Q-learning with Adjoint Matching.

Algorithm 1 of the paper, as released:

     1  a⁰..a¹ ← SDE(f_θ)              memoryless SDE, last step by the base flow           eq. 24
     2  g¹ ← -τ ∇_a mean Q_φ̄(s, a¹)    critic's action gradient at the clipped action        eq. 25
     3  g⁰..g¹ ← LeanAdj(f_β̄, g¹, a)    lean adjoint along the rollout                        eq. 25
     4  L(θ) ← Σ_u ‖2(f_θ - f_β̄)(s, aᵘ, u)/σ_u + σ_u gᵘ‖²                                     eq. 21
     5  a' ← ODE(f_θ(s', ·, ·), z)                                                           eq. 23
     6  L(φ) ← (Q_φ(s, a) - r - γ^h m (mean - ρ std) Q_φ̄(s', a'))²                            eq. 26
     7  L(β) ← ‖f_β(s, (1-u) z + u a, u) - (a - z)‖²                                          eq. 17

    symbol  here                          symbol  here
    f_θ     fast                          τ       inv_temp
    f_β     slow (bar: its average)       ρ       rho
    Q_φ     critic (bar: its average)     T       flow_steps
    h       chunk                         γ       discount
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import critic, velocity
from .flow_policy import best, cloning_errors, flow_action
from .temporal_difference import critic_loss, pessimistic_target


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of QAM; the defaults are the paper's for manipulation (Table 3)."""

    inv_temp: float = 1.0  # τ, eq. 25: strength of the tilt exp(τ Q)
    flow_steps: int = 10  # T: steps of the flow and of the SDE
    critics: int = 10  # K, eq. 26
    rho: float = 0.5  # ρ, eq. 26: pessimism in standard deviations
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 5  # h: actions executed per decision (1 for locomotion)
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # λ: step of the averages of critic and slow
    best_of_n: int = 1  # candidates ranked by the mean critic when acting


class Networks(NamedTuple):
    """Critic ensemble, behaviour flow and fine-tuned flow; the two flows start independently."""

    critic: Any
    slow: Any
    fast: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The three networks of QAM."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        slow=velocity(observation, action, config.hidden),
        fast=velocity(observation, action, config.hidden),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update."""
    action = dimensions.action
    return {
        "time": Noise((batch, 1), "uniform"),
        "behaviour": Noise((batch, action)),
        "sde_start": Noise((batch, action)),
        "sde": Noise((config.flow_steps - 1, batch, action)),
        "next_action": Noise((config.best_of_n, batch, action)),
    }


def tilted_action(K: Any, config: Any, models: Models, observations: Array, z: Array) -> Array:
    """Endpoint of the fine-tuned flow, the best of the candidates that z (n, ..., A) leads by the mean critic."""
    candidates = flow_action(K, models.frozen.fast, observations, z, config.flow_steps)
    return best(K, models.frozen.critic, observations, candidates, K.ensemble_mean)


def adjoint_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 1-4: rollout, terminal condition, lean adjoint and matching; no validity mask, as released."""
    s = batch.observations

    def fast(x: Array, t: Array) -> Array:
        return models.frozen.fast(s, x, t)

    def base(x: Array, t: Array) -> Array:
        return models.target.slow(s, x, t)

    xs = K.memoryless_sde(fast, base, noise["sde_start"], noise["sde"])
    terminal = K.adjoint_terminal(lambda a: models.target.critic(s, a), xs[-1], config.inv_temp)
    gs = K.lean_adjoint(base, xs, terminal)

    times = K.xp.stack([K.xp.full_like(terminal[..., :1], i / config.flow_steps) for i in range(config.flow_steps)])
    v = models.online.fast(s, xs[:-1], times)
    loss = K.xp.mean(K.adjoint_matching_loss(v, base(xs[:-1], times), gs))
    return loss, {"adjoint_loss": loss, "terminal_adjoint": K.xp.mean(K.xp.square(terminal))}


def shared_loss(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, next_actions: Array
) -> tuple[Array, Metrics]:
    """Lines 1-4, 6 and 7 as one sum, for whichever policy chose the next actions."""
    y = pessimistic_target(K, config, models, batch, next_actions)
    critic, critic_metrics = critic_loss(K, models, batch, y)
    errors = cloning_errors(K, models.online.slow, batch, noise["behaviour"], noise["time"])
    behaviour = K.xp.mean(errors * batch.valid)
    adjoint, adjoint_metrics = adjoint_loss(K, config, models, batch, noise)
    return critic + behaviour + adjoint, critic_metrics | {"behaviour_loss": behaviour} | adjoint_metrics


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Algorithm 1 as one loss: one Adam, one joint gradient norm."""
    next_actions = tilted_action(K, config, models, batch.next_observations, noise["next_action"])
    return shared_loss(K, config, models, batch, noise, next_actions)


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the fine-tuned flow, the best of n by the mean critic."""
    return tilted_action(K, config, models, observations, K.xp.moveaxis(noise["z"], -2, 0))


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the behaviour flow from the first noise."""
    return flow_action(K, models.frozen.slow, observations, noise["z"][..., 0, :], config.flow_steps)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: one start for each candidate."""
    return {"z": Noise((config.best_of_n, dimensions.action))}


DEVIATIONS = (
    "f_θ is the full velocity, started independently of f_β, as released; the paper writes a residual.",
    "σ and x/t are shifted by one step and the last SDE step is a plain base step, as released; eq. 24 does neither.",
    "The adjoint's Jacobian is taken at (x_i, t_i + h), as released; eq. 25 takes it at (a^u, u).",
    "The terminal condition uses the averaged critic at the clipped action, as released; eq. 25 the online critic.",
    "The gradient is clipped to joint norm 1, as released; the paper says element-wise.",
    "The released code allocates an average of f_θ that nothing reads or updates; it is left out here.",
    "With inv_temp = 0 the released code acts with f_β; here f_θ acts, whose loss then pulls it to f_β.",
)

QAM = Algorithm(
    name="qam",
    paper="QAM",
    summary="flow policy fine-tuned to p_β exp(τ Q) by adjoint matching",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "slow", "fast"), clip_norm=1.0),),
    averages={"critic": Average(), "slow": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
