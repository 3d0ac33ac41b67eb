"""What a method's record must say, restated: who is trained and averaged when, noise, networks, the paper's sizes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...core.algorithm import Algorithm, Dimensions
from ...core.networks import Network


class Trained(NamedTuple):
    """One update: the networks it trains, their joint clip norm, and how often it runs."""

    networks: tuple[str, ...]
    clip_norm: float | None
    every: int = 1


class Record(NamedTuple):
    """One method's record in words and numbers.

    Attributes:
        updates: by name.
        averages: (when, every) by network.
        noise: of an update, "KIND AXES", axes named by B (batch), A (action), n (candidates) or T-1.
        act_noise: of a decision.
        networks: "INPUTS -> HEADS", inputs and heads sized by S, A and 1, then "norm" and "K" for an ensemble;
            a number by its value.
        defaults: hyper-parameters of the paper.
    """

    updates: Mapping[str, Trained]
    averages: Mapping[str, tuple[str, int]]
    noise: Mapping[str, str]
    act_noise: Mapping[str, str]
    networks: Mapping[str, str]
    defaults: Mapping[str, Any]


def record_of(method: Algorithm, config: Any) -> Record:
    """What the method says, for sizes that are all different."""
    dimensions, batch = Dimensions(observation=11, action=7), 5
    axes = {11: "S", 7: "A", 5: "B", 1: "1", config.best_of_n: "n", config.flow_steps - 1: "T-1"}

    def named(declared: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: " ".join([noise.kind, *(axes.get(size, str(size)) for size in noise.shape)])
            for name, noise in declared.items()
        }

    default = method.config()
    return Record(
        updates={each.name: Trained(each.trains, each.clip_norm, each.every) for each in method.updates},
        averages={name: (average.when, average.every) for name, average in method.averages.items()},
        noise=named(method.noise(config, dimensions, batch)),
        act_noise=named(method.act_noise(config, dimensions)),
        networks={
            name: _in_words(network, config, axes) for name, network in method.declared(config, dimensions).items()
        },
        defaults={name: getattr(default, name) for name in default.__dataclass_fields__},
    )


def _in_words(network: Any, config: Any, axes: Mapping[int, str]) -> str:
    if not isinstance(network, Network):
        return f"{network.value:g}"
    heads = [f"{head.name}:{axes.get(head.size, head.size)}" for head in network.heads]
    words = ["+".join(axes.get(size, str(size)) for size in network.inputs), "->", *heads]
    words += ["norm"] * network.layer_norm + ["scalar"] * network.scalar
    words += ["K"] if network.members == config.critics else [] if network.members is None else [str(network.members)]
    return " ".join(words if network.hidden == config.hidden else [*words, str(network.hidden)])
