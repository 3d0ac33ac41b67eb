"""DQL: diffusion Q-learning (Wang et al. 2023), and DQL+DDIM, which acts by a single step.

The official code, in the numbers of OFQL section 3.2:

    L_BC(θ) = ‖ε - ε_θ(√ᾱ_k a + √(1-ᾱ_k) ε, s, k)‖²,  k uniform on 1..T                              eq. 4
    a_θ: x_T ~ N(0, I);  x̂ = clip((x_k - √(1-ᾱ_k) ε_θ(x_k, s, k))/√ᾱ_k);                             eq. 5
         x_{k-1} ~ q(x_{k-1} | x_k, x̂) down to x_0, through which L(θ) is differentiated
    critic, policy and acting: behaviour_regularised.py                                              eqs. 6, 7
    DQL+DDIM acts with a = clip((x_T - √(1-ᾱ_T) ε_θ(x_T, s, T))/√ᾱ_T)                                Table 2

    symbol  here                                symbol  here
    ε_θ     actor of step's embedding of k      T       diffusion_steps
    Q_φ     critic (bar: its average)           η       eta
    n       backup_candidates                   w, N    softmax_weight, best_of_n
"""

from dataclasses import dataclass, replace
from typing import Any

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from . import diffusion_policy
from .behaviour_regularised import actor_loss, backup_loss, mish_critic, softmax_choice
from .diffusion_policy import Networks, acting, cloning_loss, diffusion_action, embedding_of_step, prediction
from .noise_prediction import along, alpha_bar, noise_network


@dataclass(frozen=True)
class Config(diffusion_policy.Config):
    """Hyper-parameters of DQL; the defaults are the official code's for halfcheetah-medium."""

    grad_norm: float = 9.0  # joint norm to which each optimiser's gradient is clipped


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The three networks of DQL."""
    observation, action = dimensions
    return Networks(
        critic=mish_critic(observation, action, config),
        actor=noise_network(observation, action, 2 * config.frequencies, config.hidden),
        step=embedding_of_step(config),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Noise of one update; a chain holds x_T and then the noise of the steps T..2."""
    steps, action = config.diffusion_steps, dimensions.action
    return {
        "step": Noise((batch, 1), "uniform"),
        "diffusion": Noise((batch, action)),
        "chain": Noise((steps, batch, action)),
        "next_chain": Noise((steps, config.backup_candidates, batch, action)),
        "pair": Noise((1,), "uniform"),
    }


def critic_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eq. 6 with next actions of the averaged policy."""
    chain = noise["next_chain"]
    candidates = diffusion_action(K, config, models.target, batch.next_observations, chain[0], chain[1:])
    return backup_loss(K, config, models, batch, candidates)


def actor_update(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Eq. 7, differentiated through the whole chain."""
    cloning, chain = cloning_loss(K, config, models, batch, noise), noise["chain"]
    actions = diffusion_action(K, config, models.online, batch.observations, chain[0], chain[1:])
    return actor_loss(K, config, models, batch, cloning, actions, noise["pair"])


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One of N actions of the whole chain."""
    chain = K.xp.moveaxis(noise["chain"], (-3, -2), (0, 1))
    start = config.start_scale * chain[0]
    candidates = diffusion_action(K, config, acting(config, models), observations, start, chain[1:])
    return softmax_choice(K, config, models, observations, candidates, noise["choice"])


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: a chain for each candidate, and the draw among them."""
    candidates = config.best_of_n
    return {
        "chain": Noise((config.diffusion_steps, candidates, dimensions.action)),
        "choice": Noise((candidates,), "uniform"),
    }


def act_at_once(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """One of N data estimates at step T, which is a DDIM step from T to 0."""
    x = config.start_scale * K.xp.moveaxis(noise["start"], -2, 0)
    step = K.xp.full_like(x[..., :1], float(config.diffusion_steps))
    epsilon = along(prediction(K, config, acting(config, models)), observations)(x, step)
    end = K.vp_denoise(epsilon, x, alpha_bar(K, step, config.diffusion_steps))
    candidates = K.xp.clip(end, -1.0, 1.0)
    return softmax_choice(K, config, models, observations, candidates, noise["choice"])


def start_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """Noise of one decision: a start for each candidate, and the draw among them."""
    candidates = config.best_of_n
    return {"start": Noise((candidates, dimensions.action)), "choice": Noise((candidates,), "uniform")}


POLICY_AVERAGE = Average("after", every=5, rate="actor_rate", since=1000)
AVERAGES = {"critic": Average("after"), "actor": POLICY_AVERAGE, "step": POLICY_AVERAGE}

SHARED_DEVIATIONS = (
    "The policy's loss sees the critic from before the step; the released code updates the critic first.",
    "The policy's average moves after updates 1005, 1010, ...; the released code counts from 0: 1001, 1006, ....",
    "Initial weights are Glorot-uniform; the released code has PyTorch's uniform of 1/√fan-in.",
    "Adam has no schedule; DQL's optional cosine, off by default, is left out.",
    "With more than two critics, Q_i is normalised by the next critic; the released code has two.",
    "Windows that leave their episode are masked in the critic's and the cloning loss; D4RL's have one step.",
)
DEVIATIONS = (
    *SHARED_DEVIATIONS,
    "|Q_j| is averaged at the policy's actions, as DQL's code does; the paper has the data's: q_scale_at = 'data'.",
    "Eq. 5 has the step's variance β; the released code, followed here, that of x_{k-1} given x_k and a clipped x̂.",
    "Squares are averaged over action dimensions, as released; eq. 4 sums. The sum is the same with η/(h·A).",
    "CleanDiffuser's DQL, OFQL's baseline on MuJoCo: critic_norm, frequencies = 32, acting_policy = 'target', "
    "start_scale = 0.5 and its softmax_weight reach its critic's norm, embedding and acting.",
    "Not followed from CleanDiffuser: its cosine ᾱ, AdamW with cosine rates, a tanh in the critic, no clipping, and "
    "a critic target that moves by 0.995 every fifth update, which looks like swapped coefficients.",
)

DQL = Algorithm(
    name="dql",
    paper="OFQL",
    summary="diffusion policy that climbs a critic through its whole chain",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("critic", critic_update, ("critic",), clip_norm="grad_norm"),
        Update("actor", actor_update, ("actor", "step"), clip_norm="grad_norm"),
    ),
    averages=AVERAGES,
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
DQL_DDIM = replace(
    DQL,
    name="dql-ddim",
    summary="DQL that acts by a single DDIM step",
    act=act_at_once,
    act_noise=start_noise,
    deviations=(
        *DEVIATIONS,
        "The paper does not say how DQL+DDIM chooses among candidates: as DQL does; best_of_n = 1 takes a single one.",
    ),
)
