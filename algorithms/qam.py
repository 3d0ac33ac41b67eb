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


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of QAM; the defaults are the paper's for manipulation (Table 3)."""

    inv_temp: float = 1.0  # τ, eq. 25: strength of the tilt exp(τ Q)
    flow_steps: int = 10  # T: steps of the flow and of the SDE
    critics: int = 10  # K, eq. 26
    rho: float = 0.5  # ρ, eq. 26: pessimism in standard deviations
    hidden: tuple[int, ...] = (512, 512, 512, 512)
    chunk: int = 5  # h: actions executed per decision (1 for locomotion)
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256
    learning_rate: float = 3e-4
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


def flow_action(K: Any, config: Any, flow: Any, observations: Array, z: Array) -> Array:
    """ODE(f, z): the flow's Euler endpoint, clipped once at the end (eq. 39)."""
    end = K.euler(lambda x, t: flow(observations, x, t), z, config.flow_steps)
    return K.xp.clip(end, -1.0, 1.0)


def best(K: Any, models: Models, observations: Array, candidates: Array) -> Array:
    """The candidate (n, ..., A) of largest mean value; a single one costs no critic call."""
    if candidates.shape[0] == 1:
        return candidates[0]
    return K.best_of_n(candidates, K.ensemble_mean(models.frozen.critic(observations, candidates)))


def critic_loss(K: Any, config: Any, models: Models, batch: Batch, next_actions: Array) -> tuple[Array, Metrics]:
    """Eq. 26, on windows that stay inside their episode."""
    q_next = models.target.critic(batch.next_observations, next_actions)
    y = K.td_target_pessimistic(q_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)
    q = models.online.critic(batch.observations, batch.actions)
    loss = K.xp.mean(K.xp.square(q - y) * batch.valid)
    return loss, {"critic_loss": loss, "q": K.xp.mean(q), "q_target": K.xp.mean(y)}


def behaviour_loss(K: Any, models: Models, batch: Batch, x0: Array, t: Array) -> tuple[Array, Metrics]:
    """Eq. 17 for `slow`, on windows that stay inside their episode."""
    x_t, _ = K.linear_path(x0, batch.actions, t)
    v = models.online.slow(batch.observations, x_t, t)
    loss = K.xp.mean(K.flow_matching_loss(v, x0, batch.actions) * batch.valid)
    return loss, {"behaviour_loss": loss}


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
    critic_term, critic_metrics = critic_loss(K, config, models, batch, next_actions)
    behaviour_term, behaviour_metrics = behaviour_loss(K, models, batch, noise["behaviour"], noise["time"])
    adjoint_term, adjoint_metrics = adjoint_loss(K, config, models, batch, noise)
    return critic_term + behaviour_term + adjoint_term, critic_metrics | behaviour_metrics | adjoint_metrics


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Algorithm 1 as one loss: one Adam, one joint gradient norm."""
    s_next = batch.next_observations
    next_actions = best(K, models, s_next, flow_action(K, config, models.frozen.fast, s_next, noise["next_action"]))
    return shared_loss(K, config, models, batch, noise, next_actions)


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the fine-tuned flow, the best of n by the mean critic."""
    z = K.xp.moveaxis(noise["z"], -2, 0)
    return best(K, models, observations, flow_action(K, config, models.frozen.fast, observations, z))


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the behaviour flow from the first noise."""
    return flow_action(K, config, models.frozen.slow, observations, noise["z"][..., 0, :])


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
