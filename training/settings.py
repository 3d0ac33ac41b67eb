"""Everything that defines a run, checked before anything is written."""

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..algorithms import ALGORITHMS
from ..algorithms.tuned import Which
from ..core.algorithm import Algorithm
from ..core.engine import Precision
from ..core.errors import UsageError
from ..core.hyper_parameters import configs_of
from .checkpoint import KEEP
from .data.rewards import Rewards
from .data.streaming import Scheme
from .evaluation import PATIENCE
from .members import Member, members
from .normaliser import Observations
from .protocols import find_protocol
from .trackers import check_trackers
from .worker_processes import Stepping

# Hyper-parameters that are positive, that lie in [0, 1] and strictly inside; a method's record names further rates.
POSITIVE = ("time_std",)
UNIT_INTERVAL = ("discount", "flow_ratio")
INSIDE = ("kappa",)


@dataclass(frozen=True)
class Settings:
    """One run: method, task, sizes, seeds, schedule and where its files go."""

    method: str
    env: str
    backend: str
    preset: str
    config: Any
    seeds: tuple[int, ...]
    updates: int
    evaluate_every: int
    curve_episodes: int
    episodes: int
    dispatch: int
    precision: Precision
    device: str
    transitions: int | None
    directory: Path
    data_directory: Path
    workers: int
    stepping: Stepping = "threads"
    patience: float = PATIENCE
    tuned: Which = "released"
    compile: bool = False
    cuda_graphs: bool = False
    evaluate_beside: bool = False
    nan: Literal["stop", "skip"] = "stop"
    keep: int = KEEP
    protocol: str = "veloq"
    log: tuple[str, ...] = ()
    rewards: Rewards = "raw"
    observations: Observations = "raw"
    portion: int = 1_000_000
    portion_every: int = 1000
    portions: Literal["episodes", "shards"] = "episodes"
    online: int = 0
    warmup: int = 5000
    utd: int = 1
    sweep: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        """The policies that the run trains: each seed with each setting of the sweep."""
        return members(self.seeds, self.sweep)

    @property
    def end(self) -> int:
        """The last step: updates on the data, then environment steps."""
        return self.updates + self.online

    @property
    def algorithm(self) -> Algorithm:
        """The method's record."""
        return find_algorithm(self.method)


def find_algorithm(name: str) -> Algorithm:
    """The method of this name.

    Raises:
        UsageError: it is unknown; the message lists the nearest names.
    """
    if name not in ALGORITHMS:
        raise UsageError(f"unknown method {name!r}{suggestion(name, ALGORITHMS)}")
    return ALGORITHMS[name]


def suggestion(name: str, known: Iterable[str]) -> str:
    """The ending of an error message about an unknown name."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(known)}"


def make_config(algorithm: Algorithm, values: Mapping[str, Any]) -> Any:
    """The method's Config with some values replaced, from Python or JSON.

    Raises:
        UsageError: a name is unknown, a value has another type, or a size or rate is out of range.
    """
    known = typing.get_type_hints(algorithm.config)
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{algorithm.name} has no hyper-parameter {name!r}{suggestion(name, known)}")
        checked[name] = _checked(name, value, known[name], 0 if name in moments(algorithm) else 1)
        if known[name] is float:
            _range(algorithm, name, checked[name])
    return algorithm.config(**checked)


def moments(algorithm: Algorithm) -> set[str]:
    """The hyper-parameters that are numbers of updates after or up to which a loss trains; they may be 0."""
    return {name for update in algorithm.updates for name in (update.since, update.until) if name}


def config_values(config: Any) -> dict[str, Any]:
    """The hyper-parameters as JSON values."""
    values = dataclasses.asdict(config)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def check_settings(settings: Settings) -> None:
    """Raise UsageError at the first number or choice that makes no sense."""
    find_algorithm(settings.method)
    find_protocol(settings.protocol)
    check_trackers(settings.log)
    make_config(settings.algorithm, dataclasses.asdict(settings.config))
    check_sweep(settings.algorithm, settings.config, settings.sweep)
    for name in ("online", "warmup"):
        _size(name, getattr(settings, name), 0)
    _size("updates", settings.updates, 0 if settings.online else 1)
    for name in (
        "utd",
        "portion",
        "portion_every",
        "evaluate_every",
        "curve_episodes",
        "episodes",
        "dispatch",
        "workers",
        "keep",
    ):
        _size(name.replace("_", "-"), getattr(settings, name))
    if settings.transitions is not None:
        _size("transitions", settings.transitions)
    if _number("patience", settings.patience) <= 0:
        raise UsageError(f"patience must be positive, got {settings.patience}")
    if settings.compile and settings.backend != "torch":
        raise UsageError(f"compile is a choice of the torch backend alone; {settings.backend} always compiles")
    if settings.cuda_graphs and (settings.backend != "torch" or not settings.device.startswith("cuda")):
        raise UsageError(f"cuda-graphs is a choice of torch on cuda, not of {settings.backend} on {settings.device}")
    if settings.evaluate_beside and (settings.backend, settings.precision) == ("torch", "fast"):
        raise UsageError("evaluate-beside: torch's precision belongs to the whole process, use --precision highest")
    if not settings.seeds or min(settings.seeds) < 0 or len(set(settings.seeds)) < len(settings.seeds):
        raise UsageError(f"seeds must be different numbers >= 0, at least one; got {list(settings.seeds)}")
    for name, choices in (
        ("backend", ("jax", "torch")),
        ("precision", typing.get_args(Precision)),
        ("tuned", typing.get_args(Which)),
        ("nan", ("stop", "skip")),
        ("portions", typing.get_args(Scheme)),
        ("rewards", typing.get_args(Rewards)),
        ("observations", typing.get_args(Observations)),
        ("stepping", typing.get_args(Stepping)),
    ):
        if getattr(settings, name) not in choices:
            raise UsageError(
                f"unknown {name} {getattr(settings, name)!r}{suggestion(getattr(settings, name), choices)}"
            )


def check_sweep(algorithm: Algorithm, config: Any, sweep: Mapping[str, Sequence[float]]) -> None:
    """Raise UsageError where a sweep names what cannot differ in one run, or a value out of range."""
    each = members((0,), sweep)
    configs_of(config, [member.numbers for member in each], len(each))
    for member in each:
        make_config(algorithm, dataclasses.asdict(config) | dict(member.numbers))


def _checked(name: str, value: Any, kind: Any, least: int = 1) -> Any:
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str) or not isinstance(value, (list, tuple)) or not value:
            raise UsageError(f"{name} must be a list of numbers, got {value!r}")
        return tuple(_checked(name, entry, typing.get_args(kind)[0]) for entry in value)
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise UsageError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")
    elif kind is int:
        _size(name, value, least)
    elif kind is float:
        return _number(name, value)
    elif not isinstance(value, kind):
        wanted = "true or false" if kind is bool else f"of type {getattr(kind, '__name__', kind)}"
        raise UsageError(f"{name} must be {wanted}, got {value!r}")
    return value


def _size(name: str, value: Any, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise UsageError(f"{name} must be at least {least}, got {value}")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond every float
        number = math.inf
    if not math.isfinite(number):
        raise UsageError(f"{name} must be finite, got {number}")
    return number


def _range(algorithm: Algorithm, name: str, value: float) -> None:
    positive = {*POSITIVE, *(update.learning_rate for update in algorithm.updates)}
    steps = {average.rate for average in algorithm.averages.values()}
    if name in positive and value <= 0:
        raise UsageError(f"{name} must be positive, got {value}")
    # A number that is negative by default may have any sign.
    if value < 0 and getattr(algorithm.config, name, 0.0) >= 0:
        raise UsageError(f"{name} must be >= 0, got {value}")
    if name in {*UNIT_INTERVAL, *steps} and value > 1:
        raise UsageError(f"{name} must lie in [0, 1], got {value}")
    if name in INSIDE and not 0 < value < 1:
        raise UsageError(f"{name} must lie strictly between 0 and 1, got {value}")
