"""EVOR: a flow over returns trained by temporal differences, and a softmax over behaviour-cloned candidates.

Algorithm 1, training, with discount and termination put in:

    1  L(φ) ← ‖v_φ(aᵘ, u | x) - (a - a⁰)‖²                                       eq. 12
    2  z¹ ← ODE(s_θ̄(·, · | x, a), z),  zᵗ ← (1-t) z⁰ + t z¹                       eq. 20
    3  a' ← clip ODE(v_φ(·, · | x'), z)                                          Algorithm 3
    4  L(θ) ← ‖s_θ(zᵗ, t | x, a) - r - γ^h m s_θ̄(zᵗ, t | x', a')‖²                eqs. 19, 20

EVOR-Bellman replaces lines 2 and 4 by those of the law of r + γ^h m Z', eq. 18, with g = γ^h m:

    2' z' ← ODE(s_θ̄(·, · | x', a'), z),  zᵗ ← (1-t) z⁰ + t (r + g z')
    4' k = 1 - t + t g,  y = (zᵗ - t r)/k,  w = t g/k
       L(θ) ← ‖s_θ(zᵗ, t | x, a) - r - (g - 1) y - (g/k) s_θ̄(y, w | x', a')‖²

Algorithm 2, acting, for both:

    5  a_i ← clip ODE(v_φ(·, · | x), z_i),  z_ij ← ODE(s_θ(·, · | x, a_i), z_ij⁰)
    6  Q*_i ← τ_R log (1/N) Σ_j exp(z_ij / τ_R)                                  eq. 39
    7  a ~ softmax_i(Q*_i / τ_Q)                                                 eq. 40

    symbol  here                         symbol  here
    v_φ     flow                         N_π     best_of_n
    s_θ     value (bar: its average)     N       return_samples
    τ_R     return_temp                  M       flow_steps
    τ_Q     action_temp                  γ       discount
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, velocity
from .flow_policy import flow_action
from .qc import behave, behaviour_loss
from .softmax_draw import softmax_draw


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of EVOR and EVOR-Bellman; the defaults are the paper's (Tables 3 and 4)."""

    return_samples: int = 50  # N, Algorithm 2: returns drawn for each candidate when acting
    return_temp: float = 1.0  # τ_R, eq. 39 (τ* there, β* in Table 4): optimism over returns
    action_temp: float = 1e-3  # τ_Q, eq. 40 (τ there, β in Table 4): towards 0 greedy, towards ∞ the base policy
    best_of_n: int = 32  # N_π, Algorithm 2: candidates when acting
    flow_steps: int = 10  # M, Algorithm 3: Euler steps of both flows
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 1  # h: actions executed per decision
    discount: float = 0.99  # γ, Table 3
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # step of the value's average


class Networks(NamedTuple):
    """Velocity of the returns and base policy."""

    value: Any
    flow: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """s_θ(x, a, z, t) -> (..., 1) with layer norm, and the base policy's velocity."""
    inputs = (dimensions.observation, dimensions.action, 1, 1)
    return Networks(
        value=Network(inputs, config.hidden, (Head("velocity", 1),), layer_norm=True),
        flow=velocity(dimensions.observation, dimensions.action, config.hidden),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: one return for each sample."""
    action, number = (batch, dimensions.action), (batch, 1)
    return {
        "time": Noise(number, "uniform"),
        "behaviour": Noise(action),
        "next_action": Noise(action),
        "return_start": Noise(number),
        "return_time": Noise(number, "uniform"),
        "return_noise": Noise(number),
    }


def field(value: Any, observations: Array, actions: Array) -> Callable[[Array, Array], Array]:
    """s(z, t | x, a) as a function of (z, t)."""
    return lambda z, t: value(observations, actions, z, t)


def backup(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Array, Any]:
    """r and g = γ^h m (B, 1), and the averaged field at (x', a') with line 3's a'."""
    s_next = batch.next_observations
    next_actions = flow_action(K, models.frozen.flow, s_next, noise["next_action"], config.flow_steps)
    g = config.discount**config.chunk * batch.masks
    return batch.rewards[..., None], g[..., None], field(models.target.value, s_next, next_actions)


def regression(
    K: Any, config: Any, models: Models, batch: Batch, noise: Noises, z1: Array, target: Callable[..., Array]
) -> tuple[Array, Metrics]:
    """Lines 1 and 4 as one loss, one Adam: s_θ at zᵗ towards target(zᵗ, t)."""
    t = noise["return_time"]
    z_t, _ = K.linear_path(noise["return_noise"], z1, t)
    v, y = models.online.value(batch.observations, batch.actions, z_t, t), target(z_t, t)
    value_loss = K.xp.mean(K.xp.square(v - y) * batch.valid[..., None])
    behaviour = behaviour_loss(K, config, models, batch, noise)
    metrics = {"value_loss": value_loss, "velocity": K.xp.mean(v), "velocity_target": K.xp.mean(y)}
    return value_loss + behaviour, metrics | {"return": K.xp.mean(z1), "behaviour_loss": behaviour}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """EVOR: the return of (x, a) itself and the target r + g s̄', lines 2 and 4."""
    r, g, after = backup(K, config, models, batch, noise)
    here = field(models.target.value, batch.observations, batch.actions)
    z1 = K.euler(here, noise["return_start"], config.flow_steps)
    return regression(K, config, models, batch, noise, z1, lambda z, t: K.flow_td_target(r, g, after(z, t)))


def bellman_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """EVOR-Bellman: the return r + g z' and the velocity of its law, lines 2' and 4'."""
    r, g, after = backup(K, config, models, batch, noise)
    z1 = r + g * K.euler(after, noise["return_start"], config.flow_steps)
    return regression(K, config, models, batch, noise, z1, lambda z, t: K.bellman_flow_target(r, g, z, t, after))


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Lines 5-7."""
    z = K.xp.moveaxis(noise["z"], -2, 0)
    candidates = flow_action(K, models.frozen.flow, observations, z, config.flow_steps)
    start = K.xp.moveaxis(noise["return_start"], (-2, -3), (0, 1))
    returns = K.euler(field(models.frozen.value, observations, candidates), start, config.flow_steps)
    q = K.logsumexp_q(returns[..., 0], config.return_temp, 0)
    return softmax_draw(K, candidates, q, config.action_temp, 1.0, noise["choice"])


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: starts of the candidates and of their returns, and a uniform for each candidate."""
    n = config.best_of_n
    return {
        "z": Noise((n, dimensions.action)),
        "return_start": Noise((n, config.return_samples, 1)),
        "choice": Noise((n,), "uniform"),
    }


SHARED = (
    "τ_R = 1 and τ_Q = 1e-3: eqs. 39 and 40 write τ* and τ where Algorithm 2 has τ_R and τ_Q, and Table 4 gives "
    "β* = 1 and β = 1e-3; the paper never says that these are the same.",
    "Algorithm 2's LogSumExp omits the 1/N of eq. 39, taken here; no choice depends on it.",
    "Returns are drawn from s_θ when acting, as Algorithm 2 writes, and from its average when training, as eq. 20.",
    "Algorithm 3 adds M + 1 steps of 1/M; here M, to time 1.",
    "Actions are clipped to [-1, 1] where their flow ends, as QC's, on which EVOR builds; the paper does not say.",
    "One value network: the paper names no ensemble.",
    "Single actions; the paper names no chunking of its own. With chunk > 1, r, γ^h and m are the window's, windows "
    "that leave their episode do not train s_θ, and cloning masks each step as QC does.",
    "The target's expectation over a' is one draw, as in Algorithm 1; no code is released: one Adam for both losses, "
    "the average before the step and Glorot weights are QC's.",
)

DEVIATIONS = (
    "γ^h m multiplies s̄ in the target: no equation prints a discount or termination, but Table 3 has γ = 0.99, and "
    "without them the backup is no contraction.",
    "z¹ is drawn from the averaged model, as eq. 20; section 3.2 also allows the data's returns-to-go, which windows "
    "do not carry, and Algorithm 1 writes R.",
    "As written z¹ is independent of (x', a'), and the fixed point is s = Q of the base policy, flat in z and t: the "
    "learned law is N(Q, 1) whatever that of the returns, and Q* is Q + 1/(2 τ_R). EVOR-Bellman learns the law.",
    *SHARED,
)

EVOR = Algorithm(
    name="evor",
    paper="EVOR",
    summary="flow over returns by the printed temporal difference; softmax over candidates",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("value", "flow")),),
    averages={"value": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=behave,
    deviations=DEVIATIONS,
)
EVOR_BELLMAN = replace(
    EVOR,
    name="evor-bellman",
    summary="EVOR with the exact velocity of r + γ Z' as target: learns the law of returns",
    updates=(Update("joint", bellman_loss, ("value", "flow")),),
    deviations=(
        "The target is the velocity of r + g Z', eq. 18, and not eq. 19's r + g s̄ at the same (z, t), whose fixed "
        "point carries no law of returns; g = γ^h m.",
        "z¹ is r + g z' with z' drawn at the (x', a') of the target; with eq. 20's z¹, independent of them, the "
        "regression would average velocities over successors instead of mixing their laws.",
        *SHARED,
    ),
)
