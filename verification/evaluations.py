"""Which rows of input each network of a method is evaluated at in one update, and which of them more than once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.algorithm import Algorithm, Dimensions, Loss, Models
from ..core.rows import SPECS
from .backends import Backend
from .method_cases import MethodCase, method_case
from .restatement import arguments

# Widths change no count; so many actions that no two lie in the same corner.
NARROW = {"hidden": (4,), "width": 4}
SIZES = Dimensions(observation=3, action=40)
DIGITS = 12  # of an input: i/T and i (1/T) are the same time


class Where(NamedTuple):
    """Which loss calls, the network bound "online", "frozen" or "target", from inside which kernel ("" is none)."""

    update: str
    bound: str
    kernel: str

    def __str__(self) -> str:
        return f"{self.bound} in {self.update}" + (f", {self.kernel}" if self.kernel else "")


class Call(NamedTuple):
    """One call: from where, of which network, at which rows of input."""

    where: Where
    network: str
    rows: tuple[bytes, ...]

    @property
    def parameters(self) -> tuple[str, bool]:
        """The network and whether it is the average: frozen and online hold the same values."""
        return self.network, self.where.bound == "target"


class Repeat(NamedTuple):
    """Rows at which `later` evaluates what `earlier` evaluated before in the same update, per row of the batch."""

    network: str
    earlier: Where
    later: Where
    rows: float

    def reason(self) -> str | None:
        """Why it is done; None where nothing is known that speaks for it."""
        return next((why for why, applies in REASONS.items() if applies(self)), None)


def _within(*kernels: str) -> Callable[[Repeat], bool]:
    return lambda repeat: bool({repeat.earlier.kernel, repeat.later.kernel} & set(kernels))


# Losses of BDPO that draw several actions after one denoising step.
_AFTER_A_STEP = (Where("value", "target", ""), Where("actor", "target", ""))
REASONS: dict[str, Callable[[Repeat], bool]] = {
    "Its input is a diffusion step alone, drawn for each row: rows that drew the same one embed it each.": (
        lambda repeat: repeat.network.endswith("step")
    ),
    "Two losses, each with an Adam of its own, are differentiated apart.": (
        lambda repeat: repeat.earlier.update != repeat.later.update
    ),
    "A kernel differentiates in the input and keeps the parameters' gradient out; the other call carries it.": _within(
        "action_gradient", "meanflow_target"
    ),
    "The rollout goes step by step and keeps no gradient; the matching loss takes all its steps in one call.": _within(
        "memoryless_sde"
    ),
    "Rows whose own time is 1 take steps of length zero.": (
        lambda repeat: repeat.earlier == repeat.later and repeat.later.kernel == "reverse_euler"
    ),
    "At the lowest diffusion step no noise is added, so that the draws of a row coincide.": (
        lambda repeat: repeat.earlier == repeat.later and repeat.later in _AFTER_A_STEP
    ),
}


@dataclass
class Evaluations:
    """The calls of one update of a method in which every loss trains."""

    batch: int
    calls: list[Call] = field(default_factory=list)

    def counts(self) -> dict[str, dict[str, float]]:
        """How many rows each network is evaluated at for every row of the batch: network -> bound -> count."""
        counted: dict[str, dict[str, float]] = {}
        for call in self.calls:
            of_network = counted.setdefault(call.network, {})
            of_network[call.where.bound] = of_network.get(call.where.bound, 0.0) + len(call.rows) / self.batch
        return counted

    def repeats(self) -> list[Repeat]:
        """The evaluations of parameters at a row at which they were evaluated before."""
        seen: dict[tuple[tuple[str, bool], bytes], Where] = {}
        found: Counter[tuple[str, Where, Where]] = Counter()
        for call in self.calls:
            for row in call.rows:
                key = (call.parameters, row)
                if key in seen:
                    found[call.network, seen[key], call.where] += 1
                seen.setdefault(key, call.where)
        return [Repeat(*where, rows / self.batch) for where, rows in found.items()]


def evaluations(backend: Backend, algorithm: Algorithm) -> Evaluations:
    """Run every loss of the method once, with the numbers of steps, samples and candidates of its `Config`.

    Args:
        backend: one whose arrays show their values while it differentiates: torch.
        algorithm: the method.
    """
    known = {entry.name: entry.default for entry in fields(algorithm.config)}
    case = method_case(algorithm, 0, SIZES, **{**known, **{k: v for k, v in NARROW.items() if k in known}})
    return recorded(backend, case)


def recorded(backend: Backend, case: MethodCase) -> Evaluations:
    """Every call of a network in one update on this case."""
    seen = Evaluations(case.config.batch_size)
    updates = tuple(
        replace(update, loss=_recording(update.name, update.loss, seen)) for update in case.algorithm.updates
    )
    watched = case._replace(algorithm=replace(case.algorithm, updates=updates))
    for update in updates:
        backend.engine.loss_and_gradients(*arguments(watched, update.name))
    return seen


def _recording(update: str, loss: Loss, seen: Evaluations) -> Loss:
    def watched(K: Any, config: Any, models: Models, batch: Any, noise: Any) -> Any:
        named, inside = models._asdict().items(), [""]
        bound = Models(*(_watched(Where(update, name, ""), networks, seen, inside) for name, networks in named))
        return loss(_Noting(K, inside), config, bound, batch, noise)

    return watched


class _Noting:
    """A kernel namespace that says at the end of `inside` which of its kernels is running."""

    def __init__(self, kernels: Any, inside: list[str]) -> None:
        self._kernels, self._inside = kernels, inside

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self._kernels, name)
        if name not in SPECS:
            return kernel

        def noted(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(name)
            try:
                return kernel(*args, **kwargs)
            finally:
                self._inside.pop()

        return noted


def _watched(where: Where, networks: Any, seen: Evaluations, inside: list[str]) -> Any:
    def wrap(network: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def evaluate(*inputs: Any) -> Any:
            if inputs:  # a learnable number is no evaluation
                seen.calls.append(Call(where._replace(kernel=inside[-1]), network, _rows(inputs)))
            return call(*inputs)

        return evaluate

    named = networks._asdict().items()
    return networks._replace(**{name: None if call is None else wrap(name, call) for name, call in named})


def _rows(inputs: tuple[Any, ...]) -> tuple[bytes, ...]:
    values: list[NDArray[np.float64]] = [np.asarray(value.tolist()) for value in inputs]
    lead = np.broadcast_shapes(*(value.shape[:-1] for value in values))
    joined = np.concatenate([np.broadcast_to(value, (*lead, value.shape[-1])) for value in values], -1)
    return tuple(row.tobytes() for row in (joined.reshape(-1, joined.shape[-1]).round(DIGITS) + 0.0))
