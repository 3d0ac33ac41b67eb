"""The programs of an engine: many updates of every seed, and its policies.

Engines that differ in nothing but hyper-parameters annotated `float` share them: those numbers are arguments.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ...core.algorithm import Algorithm, Dimensions
from ...core.hyper_parameters import with_numbers
from ...core.networks import Forest
from .batches import Windows, draw_batch, draw_noise
from .losses import acting
from .program_keys import Same
from .updates import Counted, State, advance

KEPT = 16  # programs of each sort: a process trains few methods, and a program takes tens of megabytes
Numbers = Mapping[str, Any]


class Recipe(NamedTuple):
    """Everything that a program is compiled for but its shapes; a cache's key.

    `config` has zeros in place of the numbers that the program takes; `in_turn` trains one seed after another.
    """

    algorithm: Same[Algorithm]
    config: Any
    dimensions: Dimensions
    matmul: str
    in_turn: bool
    kernels: tuple[Callable[..., Any], ...]


@functools.lru_cache(maxsize=KEPT)
def compiled_loop(recipe: Recipe) -> Callable[..., tuple[State, Counted]]:
    """(state, means, numbers, keys, data, updates) -> the state after the updates, and the metrics' means over them.

    The seeds run one after another on a CPU, at once elsewhere: XLA's products on a CPU gain nothing from a seed axis,
    and around batched ones it transposes and copies.
    """

    def loop(
        state: State, means: Counted, numbers: Numbers, seed_keys: Array, data: Windows, updates: Array
    ) -> tuple[State, Counted]:
        config = with_numbers(recipe.config, numbers)

        def run(state: State, means: Counted, key: Array) -> tuple[State, Counted]:
            return _run_seed(recipe, config, state, means, key, data, updates)

        axes: Any = State._make((0, 0, 0, 0, None))
        if not recipe.in_turn:
            together: tuple[State, Counted] = jax.vmap(run, (axes, 0, 0), (axes, 0))(state, means, seed_keys)
            return together
        seeds = (state[:-1], means, seed_keys)
        done, means = lax.map(lambda seed: run(State._make((*seed[0], state.step)), *seed[1:]), seeds)
        return done._replace(step=state.step + updates), means

    return jax.jit(loop, donate_argnums=0)


def _run_seed(
    recipe: Recipe, config: Any, state: State, means: Counted, key: Array, data: Windows, updates: Array
) -> tuple[State, Counted]:
    """The number of updates is traced: every call runs the same program, so splitting a run changes no bit."""

    def body(_: Array, carry: tuple[State, Counted]) -> tuple[State, Counted]:
        state, means = carry
        state, measured = _update(recipe, config, state, key, data)
        return state, {name: _running_mean(means[name], measured[name]) for name in measured}

    result: tuple[State, Counted] = lax.fori_loop(0, updates, body, (state, means))
    return result


def _update(recipe: Recipe, config: Any, state: State, key: Array, data: Windows) -> tuple[State, Counted]:
    """The update of one seed, without the seed axis."""
    algorithm = recipe.algorithm.value
    key = jax.random.fold_in(key, state.step)
    batch = draw_batch(data, key, config.batch_size, config.chunk)
    noise = draw_noise(algorithm.noise(config, recipe.dimensions, config.batch_size), key)
    with jax.default_matmul_precision(recipe.matmul):
        return advance(algorithm, config, algorithm.networks(config, recipe.dimensions), state, batch, noise)


def nothing_measured(recipe: Recipe, config: Any, state: State, seed_keys: Array, data: Windows) -> Counted:
    """Means over no updates yet, with the seed axis.

    Traced with the config's own numbers, so that the kernels check them: the program knows them only as arguments.
    """

    def measured(state: State, seed_keys: Array, data: Windows) -> Counted:
        first = State._make((*jax.tree.map(lambda leaf: leaf[0], tuple(state[:-1])), state.step))
        return _update(recipe, config, first, seed_keys[0], data)[1]

    seeds, shapes = seed_keys.shape[0], jax.eval_shape(measured, state, seed_keys, data)
    nothing: Counted = jax.tree.map(lambda leaf: np.zeros((seeds, *leaf.shape), leaf.dtype), shapes)
    return nothing


def _running_mean(before: tuple[Array, Array], measured: tuple[Array, Array]) -> tuple[Array, Array]:
    mean, count = before
    value, applied = measured
    count = count + applied
    return mean + applied * (value - mean) / jnp.maximum(count, 1), count


def seeds_acting(recipe: Recipe, config: Any, behaviour: bool) -> Callable[..., Array]:
    """(online, target, observations, noise) -> actions, all with a leading seed axis; not compiled."""
    act = acting(recipe.algorithm.value, config, recipe.dimensions, behaviour)

    def compute(online: Forest, target: Forest, observations: Array, noise: Mapping[str, Array]) -> Array:
        with jax.default_matmul_precision(recipe.matmul):
            actions: Array = jax.vmap(act)(online, target, observations, noise)
        return actions

    return compute


@functools.lru_cache(maxsize=KEPT)
def compiled_policy(recipe: Recipe, behaviour: bool) -> Callable[..., Array]:
    """The same compiled, with the config's numbers as first argument."""

    def compute(numbers: Numbers, *arguments: Any) -> Array:
        return seeds_acting(recipe, with_numbers(recipe.config, numbers), behaviour)(*arguments)

    return jax.jit(compute)
