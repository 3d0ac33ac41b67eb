"""BC: behaviour cloning with a deterministic policy, a baseline of the OFQL paper in CORL's form.

L(ψ) ← mean_A (π_ψ(s) - a)²,  π_ψ(s) = tanh μ_ψ(s), which also acts

symbol  here
π_ψ     tanh actor
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from .deterministic_policy import deterministic_actor, imitation_errors, policy_action


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of behaviour cloning, CORL's."""

    hidden: tuple[int, ...] = (256, 256)  # widths of the hidden layers
    chunk: int = 1  # h: actions executed per decision
    batch_size: int = 256  # windows per update
    learning_rate: float = 3e-4  # of Adam
    discount: float = 0.99  # γ: of the windows' returns, which cloning does not read
    target_rate: float = 0.005  # λ: step of averages, of which cloning has none


class Networks(NamedTuple):
    """The actor alone."""

    actor: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """The actor, ReLU."""
    return Networks(actor=deterministic_actor(*dimensions, config.hidden, "relu"))


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """None: the loss is deterministic."""
    return {}


def cloning_loss(K: Any, actions: Array, batch: Batch) -> Array:
    """mean_A (π_ψ(s) - a)², a mean over action dimensions."""
    return K.xp.mean(imitation_errors(K, actions, batch)) / actions.shape[-1]


def loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """L(ψ)."""
    cloning = cloning_loss(K, policy_action(K, models.online.actor, batch.observations), batch)
    return cloning, {"behaviour_loss": cloning}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """π_ψ(s), without noise."""
    return policy_action(K, models.frozen.actor, observations)


def act_noise(config: Any, dimensions: Dimensions) -> dict[str, Noise]:
    """None: the policy is deterministic."""
    return {}


DEVIATIONS = (
    "OFQL takes its numbers from CleanDiffuser's tables and describes no loss; the loss here is CORL's.",
    "CORL normalises observations by the data's mean and standard deviation; here they are those of the data set.",
    "CORL's BC-10% keeps the tenth of the episodes with the highest returns; choose the data set to have it.",
    "Kernels start Glorot uniform and biases at zero; CORL keeps PyTorch's defaults.",
    "Windows of several actions that leave their episode are left out; CORL has windows of one action only.",
)

BC = Algorithm(
    name="bc",
    paper="OFQL",
    summary="behaviour cloning with a deterministic policy",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(Update("actor", loss, ("actor",)),),
    averages={},
    act=act,
    act_noise=act_noise,
    behaviour=None,
    deviations=DEVIATIONS,
)
