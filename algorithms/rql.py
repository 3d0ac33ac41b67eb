"""RQL: reversal Q-learning, a flow policy trained in the MDP whose actions are its own steps.

A state of the expanded MDP is (s, x, f), with f from 0 (noise) to 1 (action). Algorithm 1, as released:

     1  f ← 1 - d,  d ~ U[0, 1) on one half of the batch, U{0, 1/F, ..., 1} on the other       app. B
     2  x ← a;  x ← x - (d/F) v_θ(s, x, 1 - i d/F),  i = 0..F-1                                eq. 16
     3  y ← r + γ^h m (mean - ρ std) V_φ̄(s', z', 0),  z' ~ N(0, I)                             eq. 17
     4  L(φ) ← ℓ_κ(y - V_φ(s, x, f)),  ℓ_κ(u) = |κ - 1(u < 0)| u²                              eqs. 12, 14
     5  x_t ← (1-t) z + t a,  t⁺ ← min(t + 1/F, 1),  x⁺ ← x_t + (t⁺ - t) v_θ(s, x_t, t)        eqs. 4, 6
     6  L(θ) ← -mean V_φ(s, x⁺, t⁺) + α ‖v_θ(s, x_t, t) - (a - z)‖²                            eqs. 5, 15
     7  a ← ODE(v_θ̄(s, ·, ·), z), which acts                                                  app. B

    symbol  here                         symbol  here
    V_φ     value (bar: its average)     κ       kappa
    v_θ     actor (bar: its average)     α       bc_weight
    F       flow_steps                   ρ       rho
    h       chunk                        γ       discount
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, velocity
from .flow_policy import flow_action


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of RQL; the defaults are the released ones for cube-triple and puzzle-4x4."""

    bc_weight: float = 1.0  # α, eq. 15: weight of the cloning term (an average over action dimensions)
    kappa: float = 0.9  # κ, eq. 14: expectile of the value
    flow_steps: int = 10  # F: steps of the flow and of its reversal
    critics: int = 10  # K, eq. 17
    rho: float = 0.5  # ρ, eq. 17: pessimism in standard deviations
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 5  # h: actions executed per decision (1 for locomotion)
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # step of the value's average, eq. 17
    actor_target_rate: float = 0.001  # step of the actor's average, app. B (a decay of 0.999)


class Networks(NamedTuple):
    """Value ensemble and flow policy of the expanded MDP."""

    value: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """V(s, x, f) with layer norm and v(s, x, f) without."""
    observation, action = dimensions
    inputs = (observation, action, 1)
    return Networks(
        value=Network(inputs, config.hidden, (Head("value", 1),), config.critics, layer_norm=True, scalar=True),
        actor=velocity(observation, action, config.hidden),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: times back from the action, z' at the next observation, and the policy's z and t."""
    action = dimensions.action
    return {
        "reversal": Noise((batch, 1), "uniform"),
        "next_start": Noise((batch, action)),
        "start": Noise((batch, action)),
        "time": Noise((batch, 1), "uniform"),
    }


def reversal_times(K: Any, config: Any, uniform: Array) -> Array:
    """d = 1 - f (B, 1): the first half of the batch anywhere in [0, 1), the second on {0, 1/F, ..., 1}."""
    half, steps = uniform.shape[0] // 2, config.flow_steps
    return K.xp.concat([uniform[:half], K.xp.floor(uniform[half:] * (steps + 1)) / steps], axis=0)


def environment_target(K: Any, config: Any, models: Models, batch: Batch, z: Array) -> Array:
    """y = r + γ^h m (mean - ρ std) V_φ̄(s', z', 0), eq. 17."""
    v_next = models.target.value(batch.next_observations, z, K.xp.zeros_like(z[..., :1]))
    return K.td_target_pessimistic(v_next, batch.rewards, config.discount**config.chunk, batch.masks, config.rho)


def value_loss(
    K: Any, config: Any, models: Models, batch: Batch, x: Array, f: Array, y: Array
) -> tuple[Array, Metrics]:
    """ℓ_κ(y - V_φ(s, x, f)), averaged over members and batch, eq. 14."""
    v = models.online.value(batch.observations, x, f)
    loss = K.xp.mean(K.expectile_loss(y - v, config.kappa) * batch.valid)
    return loss, {"value_loss": loss, "v": K.xp.mean(v), "v_target": K.xp.mean(y)}


def stepwise_cloning(K: Any, batch: Batch, v: Array, z: Array) -> Array:
    """‖v - (a - z)‖² averaged over dimensions, samples and the steps of the chunk; those past an episode's end count
    as zero."""
    rows, steps = batch.valid_steps.shape
    v, z, a = (K.xp.reshape(each, (rows, steps, -1)) for each in (v, z, batch.actions))
    return K.xp.mean(K.flow_matching_loss(v, z, a) * batch.valid_steps)


def actor_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 5 and 6: the value after one flow step from a point between noise and data, and cloning there."""
    s, z, t = batch.observations, noise["start"], noise["time"]
    x, _ = K.linear_path(z, batch.actions, t)
    v = models.online.actor(s, x, t)
    step = K.xp.clip(1.0 - t, 0.0, 1.0 / config.flow_steps)
    after = K.ensemble_mean(models.frozen.value(s, x + step * v, t + step))
    value = K.xp.mean(after * batch.valid)
    cloning = stepwise_cloning(K, batch, v, z)
    return config.bc_weight * cloning - value, {"actor_value": value, "behaviour_loss": cloning}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Lines 1-6 as one loss of one Adam."""
    f = 1.0 - reversal_times(K, config, noise["reversal"])
    x = K.reverse_euler(lambda x, t: models.frozen.actor(batch.observations, x, t), batch.actions, f, config.flow_steps)
    y = environment_target(K, config, models, batch, noise["next_start"])
    value, value_metrics = value_loss(K, config, models, batch, x, f, y)
    actor, actor_metrics = actor_loss(K, config, models, batch, noise)
    return value + actor, value_metrics | actor_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """ODE of the averaged flow."""
    return flow_action(K, models.target.actor, observations, noise["z"], config.flow_steps)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision."""
    return {"z": Noise((dimensions.action,))}


DEVIATIONS = (
    "Eq. 16 reverses by explicit Euler steps from the action, as released: not the exact inverse of the flow that acts "
    "(`invert_euler` is, but stops at time 0 alone).",
    "The policy's value is taken one step from interpolants of noise and data, as released; eq. 15 does not say where.",
    "The next action's noise is drawn anew and V is the value at flow time 0, as released; no action is sampled.",
    "The flow's points are not clipped before V, and its step ends at time 1, as released.",
    "Windows start in episodes drawn uniformly, as released; online, those of the run's own experience start at rows "
    "drawn uniformly, in the share of all windows that they are.",
    "A window's next observation follows its last step and any step's mask cuts the bootstrap; the released code takes "
    "the observation of the last acting row at an episode's end and only the last step's mask.",
    "The averaged actor acts always; the released code explores online with the actor itself.",
    "The released actor also has a log-deviation head that nothing reads; it is left out here.",
    "Defaults are the release's script for cube-triple; its code defaults to h = 3, κ = 0.5, ρ = 0.",
)

RQL = Algorithm(
    name="rql",
    paper="RQL",
    summary="flow policy trained step by step on the value of reversed flows",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("value", "actor")),),
    averages={"value": Average(), "actor": Average(rate="actor_target_rate")},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
    by_episode=True,
)
