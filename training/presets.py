"""Sizes and schedules by name: what `--preset quick` and `--preset paper` mean for a method and an environment."""

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..algorithms.tuned import Tuned, Which, tuned
from ..core.algorithm import Algorithm
from ..core.errors import UsageError
from .settings import find_algorithm, moments


@dataclass(frozen=True)
class Preset:
    """Schedule of a run and the hyper-parameters that differ from the method's defaults.

    `transitions` is the number of rows to make when the data set is missing; None asks for the published data.
    """

    updates: int
    evaluate_every: int
    curve_episodes: int
    episodes: int
    transitions: int | None
    values: Mapping[str, Any] = field(default_factory=dict)


# Sizes that train on two CPU cores, of the methods that have such hyper-parameters.
SMALL: Mapping[str, Any] = {
    "chunk": 5,
    "hidden": (128, 128, 128),
    "critics": 2,
    "flow_steps": 10,
    "learning_rate": 1e-3,
    "target_rate": 0.02,
    "discount": 0.99,
}
# Numbers of actions that a method draws to choose among or to average over, by words of their names.
DRAWS, MANY, FEW = ("best_of_n", "candidates", "samples"), 16, 8

QUICK: Mapping[str, Preset] = {
    # Values reach the far corner of the maze one chunk per effective copy of the target: at a rate of 0.02 some
    # seeds do not know where to go after 6000 updates.
    "pointmaze": Preset(4000, 1000, 10, 50, 300_000, {**SMALL, "target_rate": 0.05}),
    "cube": Preset(20_000, 5000, 10, 50, 200_000, SMALL),
    "other": Preset(20_000, 5000, 10, 50, None, SMALL),
}

# What a method wants besides at the quick sizes, by the beginning of the environment's name.
# With a stronger tilt on pointmaze (inverse temperature 2, 3, 5) the learned Q is higher everywhere, and some seeds get
# stuck near walls or learn later.
_TILT: Mapping[str, Mapping[str, Any]] = {"pointmaze": {"inv_temp": 1.0}, "cube-single": {"inv_temp": 3.0}}
# Two hundred steps from the goal, five steps gained are worth 0.7 at a discount of 0.99, too little for some critics to
# tell, and 1.8 at 0.995.
_FAR: Mapping[str, Any] = {"discount": 0.995}
# With two critics, where ten are usual, the mean less one deviation is the smaller value.
_WARY: Mapping[str, Any] = {"rho": 1.0}
# Layer norm keeps critics from rising where there is no data; an average over thousands of updates comes too late here.
_DQL: Mapping[str, Any] = {"critic_norm": True, "actor_rate": 0.05}
_RQL: Mapping[str, Any] = {**_WARY, "kappa": 0.5, "actor_target_rate": 0.02}
# Candidates that are drawn only when acting cost training nothing.
_CANDIDATES: Mapping[str, Any] = {"best_of_n": 32}
QUICK_VALUES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "bdpo": {"": {"actor_learning_rate": 1e-3}, "pointmaze": {**_WARY, "layer_norm": True, "kl_weight": 0.2}},
    "cgql": {"pointmaze": {**_WARY, "guidance_weight": 0.3}},
    # At ten its exponential loss is in its linear part throughout.
    "cgql-linex": {"pointmaze": {**_WARY, "guidance_weight": 0.3, "inv_temp": 1.0}},
    "cgql-mse": {"pointmaze": {**_WARY, "guidance_weight": 0.3}},
    "dac": {"pointmaze": {"bc_weight": 0.3}},
    "difql": {"pointmaze": {**_CANDIDATES, **_FAR, "delta": 1.0}},
    "diql": {"pointmaze": {"delta": 1.0}},
    "dql": {"": _CANDIDATES, "pointmaze": {**_DQL, "eta": 1.0}},
    "dql-ddim": {"": _CANDIDATES, "pointmaze": {**_DQL, "eta": 1.0}},
    "dsrl": {"pointmaze": {"latent_scale": 1.5}},
    "dtrigflow": {"pointmaze": {**_CANDIDATES, **_FAR, "delta": 1.0}},
    "edp": {"": _CANDIDATES, "pointmaze": {**_DQL, "eta": 4.0}},
    "fbrac": {"pointmaze": {"bc_weight": 10.0}},
    "fedit": {"pointmaze": {**_FAR, **_WARY, "edit_scale": 0.8}},
    "fql": {"pointmaze": {**_WARY, "distill_weight": 7.0}},
    # Its average of a million updates would still be the first policy after four thousand.
    "idql": {"": {**_CANDIDATES, "actor_rate": 0.01}, "pointmaze": {**_FAR, "kappa": 0.9, "start_scale": 1.0}},
    "ifql": {"": _CANDIDATES, "pointmaze": _FAR},
    "iql": {"pointmaze": _FAR},
    "ofql": {"pointmaze": {**_DQL, "eta": 1.0}},
    "qam": _TILT,
    "qam-edit": _TILT,
    "qam-fql": _TILT,
    "qc": {"": {"best_of_n": 4}},
    "qsm": {"pointmaze": {"bc_weight": 8.0}},
    "rql": {"pointmaze": {**_RQL, "bc_weight": 0.2}},
    "td3-bc": {"pointmaze": {**_FAR, "value_weight": 20.0}},
    "tfql": {"pointmaze": {**_RQL, "bc_weight": 0.4}},
    "trigflow": {"": _CANDIDATES, "pointmaze": _FAR},
    "trigflow-ql": {"": _CANDIDATES, "pointmaze": {**_FAR, "bc_weight": 1.0}},
}

# Updates of the methods that need more than their family's, by the beginning of the environment's name.
QUICK_UPDATES: Mapping[str, Mapping[str, int]] = {
    # Their critics see actions outside the data, and trust them until values have reached the corners of the maze.
    "cgql": {"pointmaze": 8000},
    "cgql-linex": {"pointmaze": 8000},
    "fql": {"pointmaze": 8000},
    "rql": {"pointmaze": 8000},
    "tfql": {"pointmaze": 8000},
    # Its values train every second update.
    "idql": {"pointmaze": 8000},
}

PAPER = Preset(1_000_000, 50_000, 50, 50, None)


def preset(name: str, method: str, env: str, which: Which = "released") -> Preset:
    """The preset of a method on an environment.

    Args:
        name: quick, small sizes over the tuned values, or paper, the tuned values over the method's own.
        method: name of the algorithm.
        env: name of the environment, for instance pointmaze-medium-navigate-singletask-v0.
        which: the tuned values to start from, as in `algorithms.tuned`.

    Raises:
        UsageError: no preset, no method or no kind of tuned values has this name.
    """
    if name not in ("quick", "paper"):
        raise UsageError(f"unknown preset {name!r}; known: quick, paper")
    algorithm = find_algorithm(method)
    values = dict(tuned(method, env, which).values)
    chosen = PAPER
    if name == "quick":
        chosen = QUICK.get(family(env), QUICK["other"])
        for domain, updates in QUICK_UPDATES.get(method, {}).items():
            chosen = replace(chosen, updates=updates) if env.startswith(domain) else chosen
        values |= _small(algorithm, values, chosen)
        for domain, own in QUICK_VALUES.get(method, {}).items():
            values |= own if env.startswith(domain) else {}
    return Preset(
        chosen.updates, chosen.evaluate_every, chosen.curve_episodes, chosen.episodes, chosen.transitions, values
    )


def family(env: str) -> str:
    """The first word of an environment's name."""
    return env.split("-", 1)[0]


@dataclass(frozen=True)
class TunedValues:
    """The tuned values that a run uses and the names of those that its preset or an option replaced."""

    which: Which
    found: Tuned
    used: Mapping[str, Any]
    replaced: tuple[str, ...]

    def sentence(self, env: str) -> str:
        """One line for the user."""
        if not self.found.domain:
            return f"tuned values: {'not wanted' if self.which == 'none' else f'none for {env}'}"
        used = ", ".join(f"{name} {value}" for name, value in self.used.items()) or "none used"
        replaced = f"; replaced by the preset or an option: {', '.join(self.replaced)}" if self.replaced else ""
        return f"tuned values of {self.found.domain}: {used}{replaced}; from {self.found.source}"

    def description(self) -> dict[str, Any]:
        """The same for config.json."""
        where = {"domain": self.found.domain, "source": self.found.source}
        return {**where, "used": dict(self.used), "replaced": list(self.replaced)}


def tuned_values(method: str, env: str, which: Which, config: Any) -> TunedValues:
    """Which tuned values a configuration holds."""
    found = tuned(method, env, which)
    used = {name: value for name, value in found.values.items() if getattr(config, name) == value}
    return TunedValues(which, found, used, tuple(name for name in found.values if name not in used))


def _small(algorithm: Algorithm, values: Mapping[str, Any], schedule: Preset) -> dict[str, Any]:
    """The quick sizes of the hyper-parameters that a method has: few draws, moments within the schedule."""
    kinds = typing.get_type_hints(algorithm.config)
    wanted = {**vars(algorithm.config()), **values}
    small = {name: value for name, value in schedule.values.items() if name in kinds}
    for name, kind in kinds.items():
        if kind is int and any(word in name for word in DRAWS) and wanted[name] >= MANY:
            small[name] = FEW
    late = max((wanted[name] for name in moments(algorithm)), default=0)
    if late > schedule.updates // 4:
        small |= {name: wanted[name] * (schedule.updates // 4) // late for name in moments(algorithm)}
    return small
