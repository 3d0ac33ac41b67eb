"""What a method is, as data: its networks, noise, losses, targets and how it acts. Engines do the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from .errors import UsageError
from .networks import Declared

Array = Any
Kernels = Any  # a backend's namespace: every kernel by name, `xp`, `stop_gradient`
Bound = Any  # the method's own NamedTuple of networks, each field a callable
Noises = Mapping[str, Array]


class Dimensions(NamedTuple):
    """Sizes of one observation and of one action chunk (steps of the chunk times action size)."""

    observation: int
    action: int


class Batch(NamedTuple):
    """A batch of B windows: `rewards`, `masks` and `valid` are those of `chunk_return`.

    observations (B, S), actions (B, h·A), rewards (B,), masks (B,), valid (B,), next_observations (B, S).
    `valid_steps` (B, h) is 1 on the steps of the window inside its episode. `next_actions` (B, h·A) are the actions
    of the window that begins after the last such step, and `next_valid` (B,) is 1 where both windows lie inside one
    episode; elsewhere the next actions mean nothing.
    """

    observations: Array
    actions: Array
    rewards: Array
    masks: Array
    valid: Array
    next_observations: Array
    valid_steps: Array
    next_actions: Array
    next_valid: Array


class Models(NamedTuple):
    """The method's networks bound to parameters three ways.

    `online` carries gradients; `frozen` is the same parameters with none; `target` is their average, and None
    for networks that declare no average.
    """

    online: Bound
    frozen: Bound
    target: Bound


@dataclass(frozen=True)
class Noise:
    """Noise of a declared shape, independent standard normals or uniforms on [0, 1)."""

    shape: tuple[int, ...]
    kind: Literal["normal", "uniform"] = "normal"


@dataclass(frozen=True)
class Average:
    """Exponential average of a network, every `every` updates once more than `since` updates are done.

    `before` averages the parameters from before the gradient step, as the released QAM, FQL and RQL code does;
    `after` those from after it. `rate` names the config's field that holds the step.
    """

    when: Literal["before", "after"] = "before"
    every: int = 1
    rate: str = "target_rate"
    since: int = 0


class Config(Protocol):
    """What every method's Config must have besides its own hyper-parameters.

    A field annotated `float` may come to a loss or policy as a traced number, so that changing it compiles nothing:
    they compute with it and never branch on it. A number that Python must know has another annotation.
    """

    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def target_rate(self) -> float: ...
    @property
    def discount(self) -> float: ...
    @property
    def chunk(self) -> int: ...


Metrics = dict[str, Array]
Loss = Callable[[Kernels, Any, Models, Batch, Noises], tuple[Array, Metrics]]
Act = Callable[[Kernels, Any, Models, Array, Noises], Array]


@dataclass(frozen=True)
class Update:
    """One loss, the networks it trains with one Adam, how often, and the joint norm its gradient is clipped to.

    `learning_rate` names the config's field that holds Adam's; `clip_norm` is a number or such a name. `since` and
    `until` name fields that hold numbers of updates: the loss trains after the first and up to the second.
    """

    name: str
    loss: Loss
    trains: tuple[str, ...]
    clip_norm: float | str | None = None
    every: int = 1
    learning_rate: str = "learning_rate"
    since: str | None = None
    until: str | None = None

    def rate(self, config: Any) -> float:
        """Adam's learning rate."""
        rate: float = getattr(config, self.learning_rate)
        return rate

    def norm(self, config: Any) -> float | None:
        """The joint norm that gradients are clipped to, None without clipping."""
        norm: float | None = getattr(config, self.clip_norm) if isinstance(self.clip_norm, str) else self.clip_norm
        return norm

    def applied(self, config: Any, step: Any) -> Any:
        """How many of the first `step` updates, a number or a traced one, ran this loss."""
        first = 0 if self.since is None else getattr(config, self.since)
        step = step + (first - step) * (step < first)
        if self.until is not None:
            last = max(first, getattr(config, self.until))
            step = step + (last - step) * (step > last)
        return step // self.every - first // self.every

    def due(self, config: Any, done: Any) -> Any:
        """Whether the update that comes after `done` updates runs this loss."""
        return self.applied(config, done + 1) > self.applied(config, done)

    def always(self) -> bool:
        """Whether every update runs this loss."""
        return self.every == 1 and self.since is None and self.until is None


@dataclass(frozen=True)
class Algorithm:
    """A method, ready for any engine.

    Attributes:
        name: the name on the command line.
        paper: short name of the paper.
        summary: one line.
        config: the frozen dataclass of hyper-parameters (satisfies `Config`).
        networks: (config, dimensions) -> NamedTuple of Network, ResidualNetwork or Parameter.
        noise: (config, dimensions, batch size) -> noise of one update by name.
        updates: the losses in the order in which they are applied; all see the parameters from before the step.
        averages: networks that have a target, by name.
        act: (K, config, models, observations (..., S), noise) -> actions (..., h·A) in [-1, 1].
        act_noise: (config, dimensions) -> noise of one decision by name, without batch axes.
        behaviour: like `act`, for the behaviour-cloning policy the method trains on the side; None without one.
        deviations: where this differs from the paper and from the authors' code.
        by_episode: windows of the data start in episodes drawn uniformly, each at most once in a batch that is smaller
            than their number, and there at a row drawn uniformly (`core.episodes`); else at rows drawn uniformly.
        balanced: online, it acts uniformly before its first update, and half of every batch is its own experience.
    """

    name: str
    paper: str
    summary: str
    config: type
    networks: Callable[[Any, Dimensions], Any]
    noise: Callable[[Any, Dimensions, int], Mapping[str, Noise]]
    updates: tuple[Update, ...]
    averages: Mapping[str, Average]
    act: Act
    act_noise: Callable[[Any, Dimensions], Mapping[str, Noise]]
    behaviour: Act | None
    deviations: tuple[str, ...]
    by_episode: bool = False
    balanced: bool = False

    def declared(self, config: Any, dimensions: Dimensions) -> dict[str, Declared]:
        """The networks by name."""
        named: dict[str, Declared] = self.networks(config, dimensions)._asdict()
        return named

    def update(self, name: str) -> Update:
        """The update called `name`.

        Raises:
            UsageError: the method has no such update.
        """
        known = {update.name: update for update in self.updates}
        if name not in known:
            raise UsageError(f"{self.name} has no update {name!r}; it has {list(known)}")
        return known[name]

    def policy(self, behaviour: bool) -> Act:
        """How the method acts, or its behaviour policy.

        Raises:
            UsageError: the method trains no behaviour policy.
        """
        act = self.behaviour if behaviour else self.act
        if act is None:
            raise UsageError(f"{self.name} trains no behaviour policy")
        return act
