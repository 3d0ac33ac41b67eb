"""QC: Q-chunking, a behaviour-cloning flow over action chunks ruled by the best of n candidates.

Li et al. 2025 as released, and the baselines QC-1 and QC-5 of EVOR's section E.3:

    1  L(φ) ← mean_{B,k} v_k ‖f_φ(s, aᵘ, u) - (a - z)‖²_k      each step of the chunk that lies in the episode
    2  a₁..a_N ← clip ODE(f_φ(s', ·, ·), z_i)
    3  a' ← argmax_i mean_K Q_θ(s', a_i)                        EVOR eq. 42
    4  L(θ) ← (Q_θ(s, a) - r - γ^h m mean_K Q_θ̄(s', a'))²       EVOR eqs. 41, 43
    lines 2 and 3 at s act

    symbol  here                          symbol  here
    f_φ     flow                          N       best_of_n
    Q_θ     critic (bar: its average)     h       chunk
    v_k     batch.valid_steps             K       critics
    M       flow_steps                    γ       discount
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from . import flow_actor_critic
from .flow_policy import best, flow_action
from .temporal_difference import critic_loss


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of QC; chunk = 1 is QC-1, chunk = 1 with best_of_n = 4 is BFN."""

    best_of_n: int = 32  # N, eq. 42: candidates, both for the target and when acting
    flow_steps: int = 10  # M: Euler steps of the flow
    critics: int = 2  # K: members of the ensemble
    aggregate: Literal["mean", "min"] = "mean"  # over the ensemble, where it ranks and where it values
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 5  # h, eq. 41: actions executed per decision
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # step of the critic's average


def behaviour_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> Array:
    """Line 1: flow matching averaged over the steps of the chunk, zero on those outside the episode."""
    x0, t = noise["behaviour"], noise["time"]
    x_t, _ = K.linear_path(x0, batch.actions, t)
    v = models.online.flow(batch.observations, x_t, t)
    steps = (*batch.actions.shape[:-1], config.chunk, batch.actions.shape[-1] // config.chunk)
    errors = K.flow_matching_loss(*(K.xp.reshape(each, steps) for each in (v, x0, batch.actions)))
    return K.xp.mean(errors * batch.valid_steps)


def aggregate(K: Any, config: Any) -> Callable[[Array], Array]:
    """mean_K, or min_K where the configuration says so."""
    chosen: Callable[[Array], Array] = {"mean": K.ensemble_mean, "min": K.ensemble_min}[config.aggregate]
    return chosen


def best_action(K: Any, config: Any, models: Models, observations: Array, z: Array) -> Array:
    """Lines 2 and 3: the flow's best action from z (n, ..., A) by the online critic."""
    candidates = flow_action(K, models.frozen.flow, observations, z, config.flow_steps)
    return best(K, models.frozen.critic, observations, candidates, aggregate(K, config))


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 1-4 as one loss: one Adam."""
    s_next = batch.next_observations
    next_actions = best_action(K, config, models, s_next, noise["next_action"])
    value = aggregate(K, config)(models.target.critic(s_next, next_actions))
    y = batch.rewards + config.discount**config.chunk * batch.masks * value
    temporal, metrics = critic_loss(K, models, batch, y)
    behaviour = behaviour_loss(K, config, models, batch, noise)
    return temporal + behaviour, metrics | {"behaviour_loss": behaviour}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The best of n flow actions by the online critic."""
    return best_action(K, config, models, observations, K.xp.moveaxis(noise["z"], -2, 0))


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The flow's action from the first noise."""
    return flow_action(K, models.frozen.flow, observations, noise["z"][..., 0, :], config.flow_steps)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: a start of the flow for each candidate."""
    return {"z": Noise((config.best_of_n, dimensions.action))}


DEVIATIONS = (
    "γ^h multiplies the bootstrap and γ^k the reward of step k, as released; EVOR eqs. 41 and 43 print no discount.",
    "The chunk is h actions and its reward those h steps', as released; eq. 41 lists k+1 actions and k-1 rewards.",
    "The candidates are ranked at s', as released; below eq. 43 the argmax is over Q(s, a), at a state left open.",
    "Successes cut the bootstrap by m, as released; eqs. 41 and 43 print no termination.",
    "EVOR's Table 5 leaves QC's sizes blank: the released h = 5 and K = 2; QC-1 is chunk = 1.",
    "Rewards, masks and next observations of a window stop at its episode's end; the released sampler runs on over it, "
    "which the critic's validity mask hides.",
    "One discount; the released script has a second flag for accumulating rewards, equal by default.",
    "The one-step actor that the released code allocates, trained by QC-FQL alone, is left out.",
    "BFN is chunk = 1 and best_of_n = 4; BFN-n, n-step returns of single actions, is not a setting of this record.",
)

QC = Algorithm(
    name="qc",
    paper="EVOR",
    summary="Q-chunking: best of n behaviour-cloned action chunks",
    config=Config,
    networks=flow_actor_critic.networks,
    noise=flow_actor_critic.noise,
    updates=(Update("joint", loss, ("critic", "flow")),),
    averages={"critic": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
