"""RLPD: soft actor-critic on prior data, as the QAM paper's release has it (section C.1; Ball et al. 2023).

a'   ~ π_ω(· | s')                                                    tanh of a Gaussian
y    ← R + γ^h m (mean - ρ std) Q_φ̄(s', a')                           no entropy in the backup
L(φ) ← (Q_φ(s, a) - y)²
L(ω) ← α log π_ω(ã | s) - (mean - ρ std) Q_φ(s, ã) - α_bc log π_ω(a | s),  ã ~ π_ω(· | s)
L(α) ← α (H - H_target)

symbol  here                        symbol     here
π_ω     actor                       α          exp(log_temp)
Q_φ     critic (bar: its average)   H_target   -½ h·A
h       chunk                       α_bc       bc_weight
ρ       rho                         γ          discount
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, Parameter, critic
from .gaussian_policy import LOG_STD_RANGE, entropy_loss, squashed
from .temporal_difference import critic_loss, pessimistic_target

INSIDE = 1.0 - 1e-5  # the box of the data's actions as QAM loads them; tanh reaches ±1 nowhere


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of RLPD; the defaults are the QAM paper's (Table 3)."""

    hidden: tuple[int, ...] = (512, 512, 512, 512)  # widths of the hidden layers
    chunk: int = 5  # h: actions executed per decision (1 for locomotion)
    critics: int = 10  # K: all of them in the backup and in the actor's loss
    rho: float = 0.5  # ρ: pessimism in standard deviations, eq. 26
    bc_weight: float = 0.0  # α_bc: of the log-likelihood of the data's actions
    temperature: float = 1.0  # factor on the noise when acting: 1 samples, as released; 0 acts with tanh of the mean
    discount: float = 0.99  # γ, per environment step
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    target_rate: float = 0.005  # λ: step of the critic's average


class Networks(NamedTuple):
    """Critic ensemble, Gaussian actor and its entropy temperature."""

    critic: Any
    actor: Any
    log_temp: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The critics, the actor's mean and log standard deviation, and log α = 0."""
    observation, action = dimensions
    return Networks(
        critic=critic(observation, action, config.hidden, config.critics),
        actor=Network((observation,), config.hidden, (Head("mean", action), Head("log_std", action))),
        log_temp=Parameter(0.0),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update: the policy's at the next and at the current observations."""
    sample = Noise((batch, dimensions.action))
    return {"next_action": sample, "action": sample}


def log_likelihood(K: Any, output: tuple[Array, Array], actions: Array) -> Array:
    """log π(a) of given actions: the Gaussian's at u = artanh a, less Σ log(1 - a²)."""
    mean, log_std = output
    inside = K.xp.clip(actions, -INSIDE, INSIDE)
    density = K.gaussian_log_prob(K.xp.atanh(inside), mean, K.xp.clip(log_std, *LOG_STD_RANGE))
    return density - K.xp.sum(K.xp.log1p(-K.xp.square(inside)), axis=-1)


def actor_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Array) -> tuple[Array, Metrics]:
    """L(ω) + L(α): entropy and temperature, the pessimistic value, the data's likelihood."""
    output = models.online.actor(batch.observations)
    action, log_prob = squashed(K, output, noise)
    value = K.xp.mean(K.ensemble_lower_bound(models.frozen.critic(batch.observations, action), config.rho))
    likelihood = K.xp.mean(log_likelihood(K, output, batch.actions) * batch.valid)
    entropy, metrics = entropy_loss(K, models, log_prob, action.shape[-1])
    total = entropy - value - config.bc_weight * likelihood
    return total, metrics | {"actor_q": value, "bc_log_prob": likelihood}


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """All losses as one sum with one Adam."""
    next_actions, _ = squashed(K, models.frozen.actor(batch.next_observations), noise["next_action"])
    y = pessimistic_target(K, config, models, batch, next_actions)
    value, critic_metrics = critic_loss(K, models, batch, y)
    actor, actor_metrics = actor_loss(K, config, models, batch, noise["action"])
    return value + actor, critic_metrics | actor_metrics


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """A sample of the policy, in evaluation too."""
    action, _ = squashed(K, models.frozen.actor(observations), config.temperature * noise["action"])
    return action


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision."""
    return {"action": Noise((dimensions.action,))}


DEVIATIONS = (
    "RLPD trains online from scratch (`--updates 0 --online STEPS`): uniform actions for the first 5000 steps, then "
    "half of every batch from the data and half from its own experience. Trained on a data set alone, this is soft "
    "actor-critic without any tie to the data unless bc_weight is positive.",
    "The backup has no entropy term and all critics enter backup and actor's loss, as released; Ball et al. subtract "
    "the entropy where it helps and back up the minimum of a random pair.",
    "bc_weight = 0, as the paper's runs: the released script lists one per domain and never passes it.",
    "The data's likelihood is taken at actions clipped to ±(1 - 1e-5), where its logarithm is finite.",
    "One update per environment step, as the QAM paper; Ball et al. make 20.",
)

RLPD = Algorithm(
    name="rlpd",
    paper="QAM",
    summary="soft actor-critic with a pessimistic ensemble, for prior data",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("joint", loss, ("critic", "actor", "log_temp")),),
    averages={"critic": Average()},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
    balanced=True,
)
