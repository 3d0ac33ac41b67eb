"""A method at random: tiny networks, parameters, a batch with windows that leave their episode, and noise."""

import copy
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..algorithms import ALGORITHMS
from ..core.algorithm import Algorithm, Batch, Dimensions
from ..core.engine import Transitions
from ..core.networks import Forest, Tree, initial_parameters
from .backends import Backend

CARRIED = "methods"
SIZES = Dimensions(observation=3, action=2)
# No two sizes the same, or an axis taken for another would go unseen.
SMALL: dict[str, Any] = {
    "hidden": (4, 4),
    "critics": 2,
    "flow_steps": 3,
    "chunk": 1,
    "batch_size": 5,
    "learning_rate": 1e-3,
}
OTHER_SIZES = (4, 6, 7, 8)  # of the hyper-parameters that are numbers of something else, where they are not smaller
# Hyper-parameters are compiled in by JAX: it is checked on two settings, the others also on freely drawn ones.
SETTINGS = 2
SECOND = {
    "critics": 3,
    "flow_steps": 2,
    "diffusion_steps": 1,
    "chunk": 2,
    "best_of_n": 2,
    "discount": 0.8,
    "rho": 1.5,
    "inv_temp": 2.5,
}
INTEGERS = {
    "critics": (2, 5),
    "flow_steps": (1, 5),
    "diffusion_steps": (1, 9),
    "sampling_steps": (3, 9),
    "samples": (2, 5),
    "backup_candidates": (1, 8),
    "return_samples": (2, 5),
    "chunk": (1, 3),
    "best_of_n": (2, 7),
    "batch_size": (2, 6),
    "width": (3, 8),  # a norm of one unit is its rounding error
}
# Noise and moves that clips and the box often cut; caps, bounds and temperatures so warm that both sides decide.
NUMBERS = {
    "discount": (0.5, 1.0),
    "rho": (0.0, 2.0),
    "inv_temp": (0.1, 5.0),
    "kappa": (0.1, 0.9),
    "action_noise": (0.5, 3.0),
    "noise_clip": (0.2, 2.5),
    "linex_cap": (0.1, 3.0),
    "delta": (0.1, 1.0),
    "softmax_weight": (5.0, 50.0),
    "action_temp": (0.1, 1.0),
    "return_temp": (0.1, 1.0),
    "time_mean": (-1.5, 0.5),
}


class MethodCase(NamedTuple):
    """Everything `loss_and_gradients` takes besides the name of the update, in float64."""

    algorithm: Algorithm
    config: Any
    dimensions: Dimensions
    online: Forest
    target: Forest
    batch: Batch
    noise: dict[str, NDArray[np.float64]]


def method_case(algorithm: Algorithm, seed: int, sizes: Dimensions = SIZES, **changes: Any) -> MethodCase:
    """A case drawn from a seed; `changes` override the small configuration where the method has such a field."""
    known = {field.name for field in fields(algorithm.config)}
    settings = {name: value for name, value in {**small(algorithm), **changes}.items() if name in known}
    config = algorithm.config(**settings)
    declared = algorithm.declared(config, sizes)
    rng = np.random.default_rng(seed)
    online = shaken(initial_parameters(declared, seed), rng)
    for tree in online.values():
        spread(tree, rng)
    # Averages differ from the online parameters, or a confusion of the two would go unseen.
    target = {name: tree for name, tree in shaken(online, rng).items() if name in algorithm.averages}
    rows, sequel = config.batch_size, np.random.default_rng([seed, 1])
    batch = Batch(
        observations=rng.standard_normal((rows, sizes.observation)),
        actions=rng.uniform(-1.0, 1.0, (rows, sizes.action)),
        rewards=rng.standard_normal(rows),
        masks=rng.integers(0, 2, rows).astype(np.float64),
        valid=np.where(np.arange(rows) == seed % rows, 0.0, 1.0),
        next_observations=rng.standard_normal((rows, sizes.observation)),
        valid_steps=sequel.integers(0, 2, (rows, config.chunk)).astype(np.float64),
        next_actions=sequel.uniform(-1.0, 1.0, (rows, sizes.action)),
        next_valid=sequel.integers(0, 2, rows).astype(np.float64),
    )
    noise = {
        name: rng.random(entry.shape) if entry.kind == "uniform" else rng.standard_normal(entry.shape)
        for name, entry in algorithm.noise(config, sizes, rows).items()
    }
    return MethodCase(algorithm, config, sizes, online, target, batch, noise)


def small(algorithm: Algorithm) -> dict[str, Any]:
    """Sizes that make one evaluation cheap, and moments so early that a few updates pass them."""
    values = dict(SMALL)
    moments = {name for update in algorithm.updates for name in (update.since, update.until)}
    sizes = iter(OTHER_SIZES)
    for field in fields(algorithm.config):
        name, default = field.name, field.default
        if isinstance(default, int) and not isinstance(default, bool) and name not in values and name not in moments:
            values[name] = min(SMALL["batch_size"] if name == "best_of_n" else next(sizes), default)
    values |= {update.since: 1 for update in algorithm.updates if update.since}
    return values | {update.until: 2 for update in algorithm.updates if update.until}


def setting(algorithm: Algorithm, index: int) -> dict[str, Any]:
    """One of `SETTINGS` fixed choices of hyper-parameters: the method's own at small sizes, or quite different ones."""
    return {} if index == 0 else {**drawn_settings(algorithm, index), "batch_size": SMALL["batch_size"], **SECOND}


def drawn_settings(algorithm: Algorithm, seed: int) -> dict[str, Any]:
    """Hyper-parameters drawn from a seed: sizes, and numbers around the method's own; not the optimiser's rates."""
    rng = np.random.default_rng(seed)
    moments = {name for update in algorithm.updates for name in (update.since, update.until)}
    drawn: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(algorithm.config).items():
        default = getattr(algorithm.config, name)
        if name in moments or "rate" in name or name.endswith("norm"):
            continue
        if choices(kind):
            drawn[name] = choices(kind)[rng.integers(len(choices(kind)))]
        elif kind is int:
            drawn[name] = int(rng.integers(*INTEGERS.get(name, (1, 4))))
        elif kind is float:
            drawn[name] = float(rng.uniform(*NUMBERS.get(name, (0.3 * default, 2.0 * default or 1.0))))
    return drawn


def choices(kind: Any) -> tuple[Any, ...]:
    """What a hyper-parameter that is yes or no, or one of several words, can be; empty for any other."""
    if kind is bool:
        return (False, True)
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def alternatives(algorithm: Algorithm) -> list[dict[str, Any]]:
    """Nothing, and each choice that a hyper-parameter of the method offers, like the code that it follows."""
    hints = typing.get_type_hints(algorithm.config)
    return [{}, *({name: choice} for name, kind in hints.items() for choice in choices(kind))]


def decision_noise(case: MethodCase, rows: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Noise of as many decisions, by name."""
    declared = case.algorithm.act_noise(case.config, case.dimensions)
    return {
        name: rng.random((rows, *entry.shape)) if entry.kind == "uniform" else rng.standard_normal((rows, *entry.shape))
        for name, entry in declared.items()
    }


def methods(backend: Backend) -> Mapping[str, Algorithm]:
    """The methods to check on a backend: the library's, unless the backend carries a copy with a planted fault."""
    chosen: Mapping[str, Algorithm] = vars(backend).get(CARRIED, ALGORITHMS)
    return chosen


def carrying(backend: Backend, chosen: Mapping[str, Algorithm]) -> Backend:
    """A copy of the backend whose checks see these methods."""
    copied = copy.copy(backend)
    vars(copied)[CARRIED] = chosen
    return copied


def shaken(forest: Forest, rng: np.random.Generator) -> Forest:
    """Every parameter moved a little, so that no bias is zero and no norm is one."""
    return {
        network: {
            name: np.asarray(value, np.float64) + 0.1 * rng.standard_normal(np.shape(value))
            for name, value in tree.items()
        }
        for network, tree in forest.items()
    }


def spread(tree: Tree, rng: np.random.Generator) -> None:
    """Units kept apart where a norm divides by their spread; deviations far outside their range, means a little."""
    for name, value in tree.items():
        layer, _, kind = name.rpartition(".")
        if kind == "bias" and f"{layer}.norm_scale" in tree:
            tree[name] = value + np.linspace(-1.0, 3.0, value.shape[-1])
        elif name == "log_std.bias":
            tree[name] = rng.uniform(-25.0, 5.0, value.shape)
        elif name == "mean.bias":
            tree[name] = value + np.linspace(-1.3, 0.3, value.shape[-1])


def pinned(case: MethodCase) -> Algorithm:
    """The same method on this case's batch and noise, whatever the engine draws: engines then become comparable."""

    def on_this_case(loss: Any) -> Any:
        def fixed(K: Any, config: Any, models: Any, batch: Batch, noise: Any) -> Any:
            like = batch.actions
            constants = Batch(*(_as(K, value, like) for value in case.batch))
            return loss(K, config, models, constants, {name: _as(K, value, like) for name, value in case.noise.items()})

        return fixed

    updates = tuple(replace(update, loss=on_this_case(update.loss)) for update in case.algorithm.updates)
    return replace(case.algorithm, updates=updates)


def _as(K: Any, value: NDArray[Any], like: Any) -> Any:
    return K.xp.asarray(value.astype(np.float32), dtype=like.dtype)


def drift(case: MethodCase, value: Any, steps: int) -> Any:
    """A thousandth of one Adam step each, and float32 rounding of the parameter itself."""
    return steps * 1e-3 * case.config.learning_rate + steps * 6e-8 * np.abs(value)


def data_for(case: MethodCase, seed: int = 0) -> Transitions:
    """Rows of the case's sizes in episodes of ten, rewards and masks at random; pinned losses do not look at them."""
    rng, rows, sizes = np.random.default_rng(seed), 40, case.dimensions
    widths = (sizes.observation, sizes.action // case.config.chunk, sizes.observation)
    columns = [rng.standard_normal((rows, width)) for width in widths]
    labels = [rng.standard_normal(rows), rng.random(rows) < 0.9, np.arange(rows) % 10 == 9]
    return Transitions(*(np.asarray(column, np.float32) for column in (*columns, *labels)))
