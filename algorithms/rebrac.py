"""ReBRAC: TD3 with a behaviour penalty on the actor and another on the critic (Tarasov et al. 2023; QAM section C.1).

    a'   ← clip(π_ψ̄(s') + clip(σ ε, -c, c), -1, 1)                      the averaged actor, smoothed
    y    ← R + γ^h m (agg_K Q_φ̄(s', a') - α_c ‖a' - a'_D‖²)              a'_D: the data's action at s'
    L(φ) ← (Q_φ(s, a) - y)²
    L(ψ) ← α ‖π_ψ(s) - a‖² - agg_K Q_φ(s, π_ψ(s)) / sg mean |agg_K Q_φ(s, π_ψ(s))|
    act  ← clip(π_ψ(s) + clip(σ ε, -c, c), -1, 1)

Three released codes differ, and `source` says which one is meant (`SOURCES`):

           agg           L(φ) over members   activation   α_c       acts in evaluation
    qam    mean - ρ std  mean                GELU         absent    with noise
    fql    min           mean                GELU         tuned     without
    corl   min           sum                 ReLU         tuned     without

    symbol  here                          symbol  here
    π_ψ     tanh actor (bar: its average) α       bc_weight
    Q_φ     critic (bar: its average)     α_c     critic_bc_weight
    σ, c    action_noise, noise_clip      ρ       rho
    h       chunk                         γ       discount
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Activation, critic
from .deterministic_policy import deterministic_actor, imitation_errors, normalised, perturbed, policy_action
from .temporal_difference import critic_loss


class Source(NamedTuple):
    """What a released code does in its own way."""

    minimum: bool  # agg is the minimum, not mean - ρ std
    summed: bool  # L(φ) is summed over the members, not averaged
    activation: Activation


SOURCES = {
    "qam": Source(minimum=False, summed=False, activation="gelu"),
    "fql": Source(minimum=True, summed=False, activation="gelu"),
    "corl": Source(minimum=True, summed=True, activation="relu"),
}


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of ReBRAC; sizes and rates are QAM's, (α, σ) those of Table 4 for cube-triple."""

    source: Literal["qam", "fql", "corl"] = "qam"  # whose ReBRAC; the numbers below are fields of their own
    bc_weight: float = 0.01  # α, on ‖π - a‖² summed over action dimensions
    critic_bc_weight: float = 0.0  # α_c, on ‖a' - a'_D‖² (0 in qam, which has no such penalty)
    action_noise: float = 0.2  # σ, of the target's actions and of acting
    noise_clip: float = 0.5  # c, on the noise
    temperature: float = 1.0  # factor on σ when acting: 1 as qam evaluates, 0 as fql and corl do
    critics: int = 10  # K (2 in fql and corl)
    rho: float = 0.5  # ρ, of mean - ρ std (qam alone)
    hidden: tuple[int, ...] = (512, 512, 512, 512)  # (256, 256, 256) in corl
    chunk: int = 5  # h: actions executed per decision (1 in fql, in corl and for locomotion)
    discount: float = 0.99  # γ
    batch_size: int = 256  # 1024 in corl on MuJoCo
    learning_rate: float = 3e-4  # of the critic
    actor_learning_rate: float = 3e-4  # of the actor
    target_rate: float = 0.005  # λ: step of both averages, taken every second update


class Networks(NamedTuple):
    """Critic ensemble and actor, both averaged."""

    critic: Any
    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The critics, with layer norm, and the actor, whose head starts small."""
    activation = SOURCES[config.source].activation
    ensemble = critic(*dimensions, config.hidden, config.critics)
    return Networks(
        critic=replace(ensemble, activation=activation),
        actor=deterministic_actor(*dimensions, config.hidden, activation, scale=0.01),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: the smoothing of the next action."""
    return {"next_action": Noise((batch, dimensions.action))}


def critic_target(K: Any, config: Any, models: Models, batch: Batch, noise: Array) -> Array:
    """y, with the penalty inside the bootstrap; agg commutes with it, since it is the same for all members."""
    s_next = batch.next_observations
    mode = policy_action(K, models.target.actor, s_next)
    a_next = perturbed(K, mode, config.action_noise * noise, config.noise_clip)
    distance = K.xp.sum(K.xp.square(a_next - batch.next_actions), axis=-1) * batch.next_valid
    q_next = models.target.critic(s_next, a_next) - config.critic_bc_weight * distance
    bootstrap = (q_next, batch.rewards, config.discount**config.chunk, batch.masks)
    minimum = SOURCES[config.source].minimum
    return K.td_target_min(*bootstrap) if minimum else K.td_target_pessimistic(*bootstrap, config.rho)


def value_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(φ): the mean over members, or their sum."""
    y = critic_target(K, config, models, batch, noise["next_action"])
    mean, metrics = critic_loss(K, models, batch, y)
    return mean * (config.critics if SOURCES[config.source].summed else 1), metrics


def actor_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(ψ): cloning, a sum over action dimensions, against the normalised value of the critic as it stands."""
    actions = policy_action(K, models.online.actor, batch.observations)
    values = models.frozen.critic(batch.observations, actions)
    minimum = SOURCES[config.source].minimum
    q = K.ensemble_min(values) if minimum else K.ensemble_lower_bound(values, config.rho)
    cloning = K.xp.mean(imitation_errors(K, actions, batch))
    return config.bc_weight * cloning - normalised(K, q), {"behaviour_loss": cloning, "actor_q": K.xp.mean(q)}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """The actor's action with clipped noise."""
    scale = config.temperature * config.action_noise
    return perturbed(K, policy_action(K, models.frozen.actor, observations), scale * noise["action"], config.noise_clip)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision."""
    return {"action": Noise((dimensions.action,))}


DEVIATIONS = (
    "The actor trains on every update and only the averages move every second one, as QAM released it; its paper, the "
    "original and the fql code delay the actor by 2 as well. When the actor trains is no Config field: sources fql "
    "and corl differ here from their code, which skips every second update of the actor (fql by a loss without the "
    "actor's terms, in which Adam's momentum still moves it).",
    "The critic's penalty compares with the action of the window after this one and leaves out windows that have none "
    "in their episode. The fql code compares with the next row, the next episode's action at an episode's end (it says "
    "so), and QAM's has no penalty: critic_bc_weight = 0, reachable otherwise.",
    "Critic and actor have an Adam each, so that corl's two learning rates are reachable; with equal rates this is the "
    "one Adam of qam and fql.",
    "Averages take the parameters from before the step, as qam and fql; corl's critic average takes those after it, "
    "and its actor's loss reads the critic just updated. Here both losses read the parameters from before the update.",
    "Kernels start Glorot uniform, the actor's head at 0.01 of its variance, as qam and fql; corl's hidden biases "
    "start at 0.1, its last layers uniform in ±0.001 (actor) and ±0.003 (critic).",
    "Cloning leaves out windows that leave their episode, in every source as qam; fql and corl act one step at a "
    "time, where every window is valid.",
    "Acting noise is clipped like the target's; the paper does not say whether it is.",
    "corl's rewards on AntMaze are multiplied by 100 in its data; here rewards are those of the data set.",
)

REBRAC = Algorithm(
    name="rebrac",
    paper="QAM",
    summary="TD3 with behaviour penalties on actor and critic",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("critic", value_loss, ("critic",)),
        Update("actor", actor_loss, ("actor",), learning_rate="actor_learning_rate"),
    ),
    averages={"critic": Average(every=2), "actor": Average(every=2)},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
