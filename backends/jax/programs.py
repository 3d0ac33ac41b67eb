"""The programs of an engine: many updates of every seed, and its policies.

Engines that differ in nothing but hyper-parameters annotated `float` share them: those numbers are arguments.
"""

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ...core.algorithm import Algorithm, Batch, Dimensions
from ...core.cores import usable_cores
from ...core.hyper_parameters import with_numbers
from ...core.networks import Forest
from .batches import draw_noise
from .experience import Source, draw
from .losses import acting
from .processor import wide_vectors
from .program_keys import Same
from .updates import Counted, State, advance

KEPT = 16  # programs of each sort: a process trains few methods, and a program takes tens of megabytes
Numbers = Mapping[str, Any]
# Of a source: all seeds share the data.
SEED_AXIS = Source(None, 0)


class Means(NamedTuple):
    """Of all metrics in the order of their names, the mean over the updates that computed each, and how many did.

    Leaves (n,), or (S, n): one array for all of them, since every further one costs each call.
    """

    mean: Any
    count: Any


class Recipe(NamedTuple):
    """Everything that a program is compiled for but its shapes; a cache's key.

    `config` has zeros in place of the numbers that the program takes.
    """

    algorithm: Same[Algorithm]
    config: Any
    dimensions: Dimensions
    matmul: str
    skip: bool
    balanced: bool
    kernels: tuple[Callable[..., Any], ...]


def together(
    recipe: Recipe,
    state: State,
    means: Means,
    numbers: Numbers,
    seed_keys: Array,
    sources: Sequence[Source],
    updates: int,
) -> tuple[State, Means]:
    """The state after `updates` updates of all seeds at once, and the metrics' means over them: one program runs all.

    `means` are those over no updates, the one source is that of all seeds. The old state's buffers are reused.
    """
    (source,) = sources
    return compiled_loop(recipe)(state, means, numbers, seed_keys, source, np.int32(updates))


def side_by_side(
    recipe: Recipe,
    state: State,
    means: Means,
    numbers: Numbers,
    seed_keys: Array,
    sources: Sequence[Source],
    updates: int,
) -> tuple[State, Means]:
    """What `together` does, with a source for each seed, a call for each update and a thread for each core: for CPUs.

    XLA's products on a CPU gain nothing from a seed axis, around batched ones it transposes and copies, and inside
    its loops an update takes up to a tenth longer than alone, which is more than a call costs. Nor is the state
    donated: XLA would copy what it overwrites and still reads, which took up to a sixth longer. One update cannot
    fill all cores, those of several seeds can.
    """
    seeds = seed_keys.shape[0]
    update, runs = compiled_update(recipe), _split(seeds, (state[:-1], means, dict(numbers)))
    abandoned = threading.Event()

    def train(index: int) -> tuple[State, Means]:
        parts, mean, own = runs[index]
        run, key = State._make((*parts, state.step)), seed_keys[index : index + 1]
        for _ in range(updates):
            if abandoned.is_set():
                break
            run, mean = update(run, mean, own, key, sources[index])
        ended: tuple[State, Means] = jax.block_until_ready((run, mean))
        return ended

    each = map if seeds == 1 else _threads().map
    try:
        done = list(each(train, range(seeds)))
    finally:
        abandoned.set()  # Python does not end before its threads, at a second Ctrl-C either.
    joined = _join([(run[:-1], mean) for run, mean in done])
    return State._make((*joined[0], done[0][0].step)), joined[1]


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """A thread for each core that this process may use."""
    return ThreadPoolExecutor(usable_cores(), "veloq-seed")


def _split(seeds: int, tree: Any) -> list[Any]:
    """The tree of each seed, with a seed axis of one; one seed's as it is."""
    if seeds == 1:
        return [tree]
    # By NumPy, to which a CPU's arrays lend their memory: nothing to compile.
    host = jax.tree.map(np.asarray, tree)
    return [jax.tree.map(lambda leaf, at=at: leaf[at : at + 1], host) for at in range(seeds)]


def _join(trees: list[Any]) -> Any:
    """One tree with all seeds."""
    if len(trees) == 1:
        return trees[0]
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *trees)


@functools.lru_cache(maxsize=KEPT)
def compiled_update(recipe: Recipe) -> Callable[..., tuple[State, Means]]:
    """(state, means, numbers, keys, source) -> the state after one update and the running means; seed axes of one.

    XLA drops that axis at no cost; without it here, a single seed's state would be copied at every call of an engine.
    """

    def update(state: State, means: Means, numbers: Numbers, seed_keys: Array, source: Source) -> tuple[State, Means]:
        parts, mean, own = jax.tree.map(lambda leaf: leaf[0], (state[:-1], means, numbers))
        config = with_numbers(recipe.config, own)
        run, measured = _update(recipe, config, State._make((*parts, state.step)), seed_keys[0], _first(source))
        kept = jax.tree.map(lambda leaf: leaf[None], (run[:-1], _running_means(mean, measured)))
        return State._make((*kept[0], run.step)), kept[1]

    return jax.jit(update, compiler_options=wide_vectors())


@functools.lru_cache(maxsize=KEPT)
def compiled_loop(recipe: Recipe) -> Callable[..., tuple[State, Means]]:
    """(state, means, numbers, keys, source, updates) -> the state after the updates, and the metrics' means over them.

    The number of updates is traced: every call runs the same program, so splitting a run changes no bit.
    """

    def loop(
        state: State, means: Means, numbers: Numbers, seed_keys: Array, source: Source, updates: Array
    ) -> tuple[State, Means]:
        def run(state: State, means: Means, numbers: Numbers, key: Array, source: Source) -> tuple[State, Means]:
            config = with_numbers(recipe.config, numbers)

            def body(_: Array, carry: tuple[State, Means]) -> tuple[State, Means]:
                state, measured = _update(recipe, config, carry[0], key, source)
                return state, _running_means(carry[1], measured)

            result: tuple[State, Means] = lax.fori_loop(0, updates, body, (state, means))
            return result

        axes: Any = State._make((0, 0, 0, 0, None))
        done: tuple[State, Means] = jax.vmap(run, (axes, 0, 0, 0, SEED_AXIS), (axes, 0))(
            state, means, numbers, seed_keys, source
        )
        return done

    return jax.jit(loop, donate_argnums=0)


def _first(source: Source) -> Source:
    """The source of the first seed, without the seed axis."""
    return source._replace(experience=jax.tree.map(lambda leaf: leaf[0], source.experience))


def _update(recipe: Recipe, config: Any, state: State, key: Array, source: Source) -> tuple[State, Counted]:
    """The update of one seed, without the seed axis."""
    algorithm = recipe.algorithm.value
    batch, noise = _drawn(recipe, config, state.step, key, source)
    with jax.default_matmul_precision(recipe.matmul):
        declared = algorithm.networks(config, recipe.dimensions)
        return advance(algorithm, config, declared, state, batch, noise, recipe.skip)


def drawn(recipe: Recipe, numbers: Numbers, step: int, keys: Array, sources: Sequence[Source]) -> tuple[Any, Any]:
    """Batch and noise of update number `step`, with the seed axis."""
    share, every = keys.shape[0] // len(sources), compiled_draws(recipe)
    parts = []
    for at, source in enumerate(sources):
        own = slice(at * share, (at + 1) * share)
        parts.append(every(np.int32(step), {name: value[own] for name, value in numbers.items()}, keys[own], source))
    joined: tuple[Any, Any] = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return joined


@functools.lru_cache(maxsize=KEPT)
def compiled_draws(recipe: Recipe) -> Callable[..., tuple[Any, Any]]:
    """(step, numbers, keys, source) -> batch and noise, with the seed axis."""

    def of_seed(step: Array, numbers: Numbers, key: Array, source: Source) -> tuple[Batch, dict[str, Array]]:
        return _drawn(recipe, with_numbers(recipe.config, numbers), step, key, source)

    return jax.jit(jax.vmap(of_seed, (None, 0, 0, SEED_AXIS)))


def _drawn(recipe: Recipe, config: Any, step: Array, key: Array, source: Source) -> tuple[Batch, dict[str, Array]]:
    key = jax.random.fold_in(key, step)
    batch = draw(source, key, config.batch_size, config.chunk, config.discount, recipe.balanced)
    return batch, draw_noise(recipe.algorithm.value.noise(config, recipe.dimensions, config.batch_size), key)


def nothing_measured(
    recipe: Recipe, config: Any, state: State, seed_keys: Array, source: Source
) -> tuple[tuple[str, ...], Means]:
    """The metrics' names in order, and their means over no updates yet, with the seed axis.

    Traced with a config's own numbers, so that the kernels check them: the program knows them only as arguments.
    """

    def measured(state: State, seed_keys: Array, source: Source) -> Counted:
        first = State._make((*jax.tree.map(lambda leaf: leaf[0], tuple(state[:-1])), state.step))
        return _update(recipe, config, first, seed_keys[0], _first(source))[1]

    seeds, shapes = seed_keys.shape[0], jax.eval_shape(measured, state, seed_keys, source)
    names = tuple(sorted(shapes))
    return names, Means(*(np.zeros((seeds, len(names)), kind) for kind in (np.float32, np.int32)))


def _running_means(before: Means, measured: Counted) -> Means:
    if not measured:
        return before
    value, applied = (jnp.stack(each) for each in zip(*(measured[name] for name in sorted(measured)), strict=True))
    mean, count = before.mean, before.count + applied
    return Means(mean + applied * (value - mean) / jnp.maximum(count, 1), count)


def seed_acting(recipe: Recipe, config: Any, behaviour: bool) -> Callable[..., Array]:
    """(online, target, observations, noise) -> actions of one seed; not compiled."""
    act = acting(recipe.algorithm.value, config, recipe.dimensions, behaviour)

    def compute(online: Forest, target: Forest, observations: Array, noise: Mapping[str, Array]) -> Array:
        with jax.default_matmul_precision(recipe.matmul):
            actions: Array = act(online, target, observations, noise)
        return actions

    return compute


@functools.lru_cache(maxsize=KEPT)
def compiled_policy(recipe: Recipe, behaviour: bool) -> Callable[..., Array]:
    """(numbers, online, target, observations, noise) -> actions, all with a leading seed axis."""

    def compute(numbers: Numbers, *arguments: Any) -> Array:
        return seed_acting(recipe, with_numbers(recipe.config, numbers), behaviour)(*arguments)

    return jax.jit(jax.vmap(compute))
