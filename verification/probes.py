"""Methods that nobody would train with: made so that what an engine does shows in their parameters and metrics."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core.algorithm import Algorithm, Array, Average, Batch, Dimensions, Metrics, Models, Noise, Noises, Update
from ..core.networks import Head, Network, Parameter, ResidualNetwork
from .by_hand.parts import Situation, clipped, mish, output, relu, residual

FAINT = 1e-6  # makes gradients of the size of Adam's epsilon


@dataclass(frozen=True)
class Config:
    """Sizes and rates, none equal to another's complement."""

    batch_size: int = 4
    learning_rate: float = 1e-2
    target_rate: float = 0.3
    discount: float = 0.9
    chunk: int = 1
    hidden: tuple[int, ...] = (4, 3)
    slow_rate: float = 0.1
    faint_rate: float = 2e-2
    faint_norm: float = 1e-6
    gain: float = 1.0
    begin: int = 1
    end: int = 3


class Networks(NamedTuple):
    """One of every form that an engine must know, and one that nothing trains."""

    ensemble: Any
    pair: Any
    line: Any
    number: Any
    idle: Any
    residual: Any
    numbers: Any


def networks(config: Any, dimensions: Dimensions) -> Networks:
    """An ensemble, two heads, no hidden layer, a number, a plain network, a residual one, and several numbers."""
    observation, action = dimensions
    return Networks(
        ensemble=Network((observation, action), config.hidden, (Head("value", 1),), 2, layer_norm=True, scalar=True),
        pair=Network(
            (observation,),
            config.hidden,
            (Head("left", action), Head("right", action)),
            layer_norm=True,
            activation="mish",
        ),
        line=Network((action, 1), (), (Head("out", action),)),
        number=Parameter(0.5),
        idle=Network((observation,), config.hidden, (Head("out", action),), activation="relu"),
        residual=ResidualNetwork((observation, action), 3, 2, (Head("up", action), Head("down", 1)), "mish"),
        numbers=Parameter(0.25, (action,), spread=0.5),
    )


def noise(config: Any, dimensions: Dimensions, batch: int) -> dict[str, Noise]:
    """Two normal draws and a uniform one."""
    return {
        "wide": Noise((2, batch, dimensions.action)),
        "time": Noise((batch, 1), "uniform"),
        "other": Noise((2, batch, dimensions.action)),
    }


def loud(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Trains ensemble and number; reads the same ensemble without gradient, averages and an untrained network."""
    idle = models.online.idle(batch.observations)
    q = models.online.ensemble(batch.observations, batch.actions + 0.1 * idle)
    held = models.frozen.ensemble(batch.next_observations, noise["wide"])
    _, right = models.target.pair(batch.next_observations)
    off = q - models.online.number() * K.xp.mean(held, axis=1) - batch.rewards - K.xp.mean(right, axis=-1)
    loss = 3.0 * K.xp.mean(K.xp.square(off))
    return loss, {"loud": loss, "q": K.xp.mean(q), "held": K.xp.mean(held)}


def gained(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """`loud` with rewards scaled, which Adam does not forgive."""
    return loud(K, config, models, batch._replace(rewards=config.gain * batch.rewards), noise)


def steep(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """`loud` and the root of a square: |number| or, where the first row is masked, 0 with a derivative 0/0."""
    loss, metrics = loud(K, config, models, batch, noise)
    return loss + K.xp.sqrt(K.xp.square(models.online.number()) * batch.masks[0]), metrics


def faint(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Trains pair and line with tiny gradients; reads the ensemble's average and the online number."""
    left, right = models.online.pair(batch.observations)
    out = models.online.line(left * right + noise["other"], noise["time"])
    value = models.target.ensemble(batch.observations, left)
    number = models.online.number() * models.frozen.number()
    loss = FAINT * K.xp.mean(K.xp.square(out) + number * right * left)
    return loss - FAINT * K.xp.mean(value * batch.masks), {"faint": loss, "out": K.xp.mean(out)}


def staged(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Trains the residual network and the array of numbers."""
    up, down = models.online.residual(batch.observations, batch.next_actions)
    off = up * models.online.numbers() + down * (0.5 + batch.next_valid[..., None])
    loss = K.xp.mean(K.xp.square(off)) + K.xp.mean(models.online.numbers() * batch.actions)
    return loss, {"staged": loss}


def loud_by_hand(here: Situation) -> tuple[Array, dict[str, Array]]:
    """`loud` in NumPy."""
    batch = here.batch
    idle = output(here.live["idle"], "out", batch.observations, act=relu)
    q = output(here.live["ensemble"], "value", batch.observations, batch.actions + 0.1 * idle)[..., 0]
    held = output(here.held["ensemble"], "value", batch.next_observations, here.noise["wide"])[..., 0]
    right = output(here.target["pair"], "right", batch.next_observations, act=mish)
    off = q - here.live["number"]["value"] * held.mean(axis=1) - batch.rewards - right.mean(axis=-1)
    loss = 3.0 * (off * off).mean()
    return loss, {"loud": loss, "q": q.mean(), "held": held.mean()}


def faint_by_hand(here: Situation) -> tuple[Array, dict[str, Array]]:
    """`faint` in NumPy."""
    s = here.batch.observations
    left, right = (output(here.live["pair"], head, s, act=mish) for head in ("left", "right"))
    out = output(here.live["line"], "out", left * right + here.noise["other"], here.noise["time"])
    value = output(here.target["ensemble"], "value", s, left)[..., 0]
    number = here.live["number"]["value"] * here.held["number"]["value"]
    loss = FAINT * (out**2 + number * right * left).mean()
    return loss - FAINT * (value * here.batch.masks).mean(), {"faint": loss, "out": out.mean()}


def staged_by_hand(here: Situation) -> tuple[Array, dict[str, Array]]:
    """`staged` in NumPy."""
    batch, numbers = here.batch, here.live["numbers"]["value"]
    up, down = (
        residual(here.live["residual"], head, batch.observations, batch.next_actions, act=mish)
        for head in ("up", "down")
    )
    off = up * numbers + down * (0.5 + batch.next_valid[:, None])
    loss = (off * off).mean() + (batch.actions * numbers).mean()
    return loss, {"staged": loss}


def act(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Reads an online network and an average."""
    left, _ = models.online.pair(observations)
    return K.xp.clip(left + models.target.line(noise["z"], noise["z"][..., :1]) + models.frozen.number(), -1.0, 1.0)


def behave(K: Any, config: Any, models: Models, observations: Array, noise: Noises) -> Array:
    """Another policy."""
    return K.xp.clip(models.frozen.idle(observations) - noise["z"], -1.0, 1.0)


def act_by_hand(config: Any, online: Any, target: Any, s: Array, z: Array) -> Array:
    """`act` in NumPy."""
    start = output(online["pair"], "left", s, act=mish) + output(target["line"], "out", z, z[..., :1])
    return clipped(start + online["number"]["value"])


def behave_by_hand(config: Any, online: Any, target: Any, s: Array, z: Array) -> Array:
    """`behave` in NumPy."""
    return clipped(output(online["idle"], "out", s, act=relu) - z)


PROBE = Algorithm(
    name="probe",
    paper="none",
    summary="every feature of an engine at once",
    config=Config,
    networks=networks,
    noise=noise,
    updates=(
        Update("loud", loud, ("ensemble", "number"), clip_norm=0.5),
        Update("faint", faint, ("pair", "line"), every=2),
        Update("staged", staged, ("residual", "numbers"), learning_rate="faint_rate", since="begin", until="end"),
    ),
    averages={
        "ensemble": Average(),
        "pair": Average("after", rate="slow_rate"),
        "line": Average("after", every=2),
        "residual": Average(since=2),
    },
    act=act,
    act_noise=lambda config, dimensions: {"z": Noise((dimensions.action,))},
    behaviour=behave,
    deviations=(),
)
# The same with a norm that no gradient reaches, and with the averages taken at the other moments.
QUIET = replace(
    PROBE,
    name="quiet probe",
    updates=(
        Update("loud", loud, ("ensemble", "number"), clip_norm=1e3),
        Update("faint", faint, ("pair", "line"), clip_norm="faint_norm", learning_rate="faint_rate"),
        Update("staged", staged, ("residual", "numbers"), every=2, since="begin"),
    ),
    averages={
        "ensemble": Average("after", since=1),
        "pair": Average("before", every=2),
        "line": Average(rate="slow_rate"),
        "residual": Average("after"),
    },
)
# Its first loss is finite in every batch, its gradient not in those whose first mask is 0.
STEEP = replace(
    PROBE,
    name="steep probe",
    updates=(Update("loud", steep, ("ensemble", "number"), clip_norm=0.5), *PROBE.updates[1:]),
)
# Beside rates and norms, its losses and actions depend on a number of the config.
GAINED = replace(
    QUIET,
    name="gained probe",
    updates=(Update("loud", gained, ("ensemble", "number")), *QUIET.updates[1:]),
    act=lambda K, config, models, s, noise: config.gain * act(K, config, models, s, noise),
)
RESTATED = {"loud": loud_by_hand, "faint": faint_by_hand, "staged": staged_by_hand}


def reveal(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Every number of the batch and of the noise as a metric."""
    arrays = {f"batch.{name}": value for name, value in batch._asdict().items()}
    arrays |= {f"noise.{name}": value for name, value in noise.items()}
    metrics: Metrics = {}
    for name, value in arrays.items():
        flat = K.xp.reshape(value, (-1,))
        metrics |= {f"{name}.{index}": flat[index] for index in range(flat.shape[0])}
    return K.xp.square(models.online.number()), metrics


def alone(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Array, Metrics]:
    """Trains a single number, and has no metrics."""
    return K.xp.square(models.online.alone()), {}


class Numbers(NamedTuple):
    """A number that the loss reads, one that it trains without reading it, and one with a loss of its own."""

    number: Any
    unread: Any
    alone: Any


WINDOW = Algorithm(
    name="window",
    paper="none",
    summary="shows what it is given",
    config=Config,
    networks=lambda config, dimensions: Numbers(Parameter(0.5), Parameter(0.25), Parameter(0.75)),
    noise=noise,
    updates=(
        Update("reveal", reveal, ("number", "unread")),
        Update("alone", alone, ("alone",), clip_norm=1.0),
    ),
    averages={},
    act=lambda K, config, models, observations, noise: observations,
    act_noise=lambda config, dimensions: {},
    behaviour=None,
    deviations=(),
)
