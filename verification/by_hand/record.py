"""What a method's record must say, restated: who is trained and averaged when, noise, networks, the paper's sizes."""

import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...core.algorithm import Algorithm, Average, Dimensions
from ...core.networks import Network, ResidualNetwork


class Trained(NamedTuple):
    """One update: the networks it trains, their joint clip norm, how often it runs, at which rate and when."""

    networks: tuple[str, ...]
    clip_norm: float | str | None = None
    every: int = 1
    learning_rate: str = "learning_rate"
    since: str | None = None
    until: str | None = None


class Record(NamedTuple):
    """One method's record in words and numbers.

    Attributes:
        updates: by name.
        averages: (when, every) by network; with (rate, since) where these are not "target_rate" and 0.
        noise: of an update, "KIND AXES", axes named by B (batch), A (action), T and T-1 (flow_steps), n (best_of_n),
            or the name of the hyper-parameter that holds the size.
        act_noise: of a decision.
        networks: "INPUTS -> HEADS", inputs and heads sized by S, A and 1, then "norm", "scalar" and "K" for an
            ensemble and the activation unless it is gelu; a residual one is "residual INPUTS -> HEADS WIDTH BLOCKS";
            a number by its value, an array of them with "shape" and "spread".
        defaults: hyper-parameters of the paper.
        batches: how they are drawn where not by rows alike: "by episode", "balanced".
    """

    updates: Mapping[str, Trained]
    averages: Mapping[str, tuple[Any, ...]]
    noise: Mapping[str, str]
    act_noise: Mapping[str, str]
    networks: Mapping[str, str]
    defaults: Mapping[str, Any]
    batches: tuple[str, ...] = ()


SIZES = (13, 17, 19, 23, 29, 31)  # of the hyper-parameters that are sizes; none is another plus one
LABELS = {"best_of_n": "n", "flow_steps": "T", "critics": "K"}


def record_of(method: Algorithm) -> Record:
    """What the method says, for sizes that are all different."""
    dimensions, batch = Dimensions(observation=11, action=7), 5
    hints = typing.get_type_hints(method.config)
    whole = [name for name, kind in hints.items() if kind is int and name not in ("chunk", "batch_size")]
    sizes = dict(zip(whole, SIZES, strict=False))
    config = method.config(**sizes, **({"hidden": (6, 5)} if "hidden" in hints else {}))
    axes = {11: "S", 7: "A", 5: "B", 1: "1"} | {size: LABELS.get(name, name) for name, size in sizes.items()}
    if "flow_steps" in sizes:
        axes[sizes["flow_steps"] - 1] = "T-1"

    def named(declared: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: " ".join([noise.kind, *(axes.get(size, str(size)) for size in noise.shape)])
            for name, noise in declared.items()
        }

    default = method.config()
    return Record(
        updates={
            each.name: Trained(each.trains, each.clip_norm, each.every, each.learning_rate, each.since, each.until)
            for each in method.updates
        },
        averages={name: _moments(average) for name, average in method.averages.items()},
        noise=named(method.noise(config, dimensions, batch)),
        act_noise=named(method.act_noise(config, dimensions)),
        networks={
            name: _in_words(network, config, axes) for name, network in method.declared(config, dimensions).items()
        },
        defaults={name: getattr(default, name) for name in default.__dataclass_fields__},
        batches=("by episode",) * method.by_episode + ("balanced",) * method.balanced,
    )


def _moments(average: Average) -> tuple[Any, ...]:
    usual = (average.rate, average.since) == ("target_rate", 0)
    return (average.when, average.every) if usual else (average.when, average.every, average.rate, average.since)


def _in_words(network: Any, config: Any, axes: Mapping[int, str]) -> str:
    if not isinstance(network, Network | ResidualNetwork):
        several = f" shape {network.shape} spread {network.spread:g}" if network.shape else ""
        return f"{network.value:g}{several}"
    scaled = [f"*{head.scale:g}" if head.scale != 1.0 else "" for head in network.heads]
    heads = [
        f"{head.name}:{axes.get(head.size, head.size)}{scale}"
        for head, scale in zip(network.heads, scaled, strict=True)
    ]
    words = ["+".join(axes.get(size, str(size)) for size in network.inputs), "->", *heads]
    activation = [network.activation] * (network.activation != "gelu")
    if isinstance(network, ResidualNetwork):
        return " ".join(["residual", *words, axes[network.width], axes[network.blocks], *activation])
    words += ["norm"] * network.layer_norm + ["scalar"] * network.scalar
    words += [] if network.members is None else [axes.get(network.members, str(network.members))]
    words += activation
    return " ".join(words if network.hidden == config.hidden else [*words, str(network.hidden)])
