"""OFQL: one-step flow Q-learning.

Time runs the library's way, 0 = noise; the paper's is 1 - t, so that its u has the other sign:

    x_t = (1-t) z + t a,  v = a - z                                                                eq. 8
    D = v + (r-t) (v ∂_x u_θ + ∂_t u_θ)(s, x_t, t, r),  t ≤ r                                      eq. 15
    L_BC(θ) = ‖u_θ(s, x_t, t, r) - sg D‖²                                                          eq. 14
    a_θ = clip(z + u_θ(s, z, 0, 1))                                                                eq. 16
    critic and policy: behaviour_regularised.py                                                    eq. 17
    1 - t, 1 - r: the larger and the smaller of two logit-normal numbers; t = r on a fraction λ of the batch

    symbol  here                              symbol  here
    u_θ     actor of embedded t and r         λ       flow_ratio
    Q_φ     critic (bar: its average)         η       eta
    γ       discount                          α       eta / mean |Q|
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network
from . import behaviour_regularised
from .behaviour_regularised import actor_loss, backup_loss, mish_critic, softmax_choice
from .dql import POLICY_AVERAGE, SHARED_DEVIATIONS, start_noise
from .noise_prediction import sinusoids


@dataclass(frozen=True)
class Config(behaviour_regularised.Config):
    """Hyper-parameters of OFQL; the defaults are the paper's, and DQL's where it names none."""

    eta: float = 0.1  # η, section 5: one of 0.001, 0.01, 0.1, 0.3, 0.5 by task
    q_scale_at: Literal["policy", "data"] = "data"  # actions at which |Q_j| is averaged, below eq. 7
    flow_ratio: float = 0.5  # λ, section 4: fraction of the batch with t = r
    time_mean: float = -0.4  # of the logit of 1 - t and 1 - r; the lower, the more is learned near the data
    time_std: float = 1.0  # standard deviation of that logit
    frequencies: int = 32  # of the sinusoids of t and of r: embeddings of twice as many numbers
    time_scale: float = 1.0  # factor of t and r in their sinusoids
    best_of_n: int = 1  # N, candidates when acting
    grad_norm: float = 9.0  # joint norm to which each optimiser's gradient is clipped


class Networks(NamedTuple):
    """Critics and average velocity."""

    critic: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The two networks of OFQL."""
    observation, action = dimensions
    embedding = 2 * config.frequencies
    inputs = (observation, action, embedding, embedding)
    return Networks(
        critic=mish_critic(observation, action, config),
        actor=Network(inputs, config.hidden, (Head("velocity", action),), activation="mish"),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update."""
    action = dimensions.action
    return {
        "times": Noise((2, batch, 1)),
        "flow": Noise((batch, action)),
        "policy": Noise((batch, action)),
        "next_action": Noise((config.backup_candidates, batch, action)),
        "pair": Noise((1,), "uniform"),
    }


def average_velocity(K: Any, config: Any, actor: Any, observations: Array) -> Any:
    """The field u_θ(s, ·, t, r)."""

    def embedded(time: Array) -> Array:
        return sinusoids(K, config.time_scale * time, 2 * config.frequencies)

    return lambda x, t, r: actor(observations, x, embedded(t), embedded(r))


def one_step_action(K: Any, config: Any, actor: Any, observations: Array, z: Array) -> Array:
    """Eq. 16: the end of the flow in one step, clipped."""
    return K.xp.clip(K.meanflow_sample(average_velocity(K, config, actor, observations), z), -1.0, 1.0)


def cloning_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> Array:
    """Eqs. 8, 14 and 15, averaged over action dimensions."""
    first, second = K.logit_normal(noise["times"], config.time_mean, config.time_std)
    t, r = K.meanflow_times(first, second, config.flow_ratio)
    x_t, v = K.linear_path(noise["flow"], batch.actions, t)
    frozen = average_velocity(K, config, models.frozen.actor, batch.observations)
    target = K.meanflow_target(frozen, x_t, v, t, r)
    u = average_velocity(K, config, models.online.actor, batch.observations)(x_t, t, r)
    return K.xp.mean(K.xp.mean(K.xp.square(u - target), axis=-1) * batch.valid)


def critic_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eq. 17 with next actions of the averaged policy."""
    candidates = one_step_action(K, config, models.target.actor, batch.next_observations, noise["next_action"])
    return backup_loss(K, config, models, batch, candidates)


def actor_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Below eq. 17: cloning and the value of the policy's actions."""
    cloning = cloning_loss(K, config, models, batch, noise)
    actions = one_step_action(K, config, models.online.actor, batch.observations, noise["policy"])
    return actor_loss(K, config, models, batch, cloning, actions, noise["pair"])


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One of N actions of eq. 16; a single one by default."""
    z = K.xp.moveaxis(noise["start"], -2, 0)
    candidates = one_step_action(K, config, models.frozen.actor, observations, z)
    return softmax_choice(K, config, models, observations, candidates, noise["choice"])


OFQL = Algorithm(
    name="ofql",
    paper="OFQL",
    summary="one-step policy: an average velocity field that climbs a critic",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("critic", critic_update, ("critic",), clip_norm="grad_norm"),
        Update("actor", actor_update, ("actor",), clip_norm="grad_norm"),
    ),
    averages={"critic": Average("after"), "actor": POLICY_AVERAGE},
    act=act,
    act_noise=start_noise,
    behaviour=None,
    deviations=(
        "No code of OFQL is public; where the paper is silent it is read as DQL, on which it says it builds: a pair of "
        "critics for the value, clipped gradients (grad_norm is DQL's for halfcheetah-medium), both averages.",
        "|Q_j| is averaged at the data's actions, as printed; q_scale_at = 'policy' is what DQL's code does.",
        "Eq. 14 sums over action dimensions; the average, as in DQL's code, is the same with η times h·A.",
        "Actions are clipped wherever they are used; the paper does not say.",
        "One action per decision, as its 'one NFE' says; DQL's choice among 50 is best_of_n = 50.",
        "t and r enter their sinusoids as they are, in the library's direction; the paper gives no factor: time_scale.",
        "The embedded t and r enter the policy directly, as the paper lists its inputs; DQL has a network there.",
        "The law of t and r is the paper's; it seldom comes near the data, and time_mean = -1.5, time_std = 1.7 clones "
        "thin shapes better (docs/gallery). On pointmaze-medium it did not help: 0.00, 0.00, 0.34 with seeds 0 to 2 of "
        "the quick preset on JAX, where the paper's law reached 1.00, 0.96, 0.00.",
        "t = r on the first rows of the batch and t keeps the law of the larger number, as in MeanFlow's code; the "
        "paper does not say which. MeanFlow's adaptive weight and its input t - r are not in the paper.",
        *SHARED_DEVIATIONS,
    ),
)
