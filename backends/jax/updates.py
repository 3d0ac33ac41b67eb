"""One update of one seed: losses, Adam, target averages. A pure function of state, batch and noise."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from ...core.algorithm import Algorithm, Average, Batch, Metrics, Models, Update
from ...core.networks import Forest, Tree
from .. import jax as K
from .networks import bind

Counted = dict[str, tuple[Array, Array]]
ADAM = optax.scale_by_adam(b1=0.9, b2=0.999, eps=1e-8)


class State(NamedTuple):
    """Parameters, averages and Adam moments, each leaf with a leading seed axis, and the number of updates done."""

    online: Forest
    target: Forest
    adam_first: dict[str, Forest]
    adam_second: dict[str, Forest]
    step: Any


def models(declared: Any, online: Forest, target: Forest) -> Models:
    """The networks bound to their parameters three ways."""
    return Models(bind(declared, online), bind(declared, K.stop_gradient(online)), bind(declared, target))


def loss_and_gradient(
    update: Update,
    config: Any,
    declared: Any,
    online: Forest,
    target: Forest,
    batch: Batch,
    noise: Mapping[str, Array],
) -> tuple[tuple[Array, Metrics], Forest]:
    """Loss, metrics, and the gradient of the networks that `update` trains."""

    def loss(trained: Forest) -> tuple[Array, Metrics]:
        value, metrics = update.loss(K, config, models(declared, {**online, **trained}, target), batch, noise)
        return value, {name: jnp.asarray(metric) for name, metric in metrics.items()}

    differentiate = jax.value_and_grad(loss, has_aux=True)
    result: tuple[tuple[Array, Metrics], Forest] = differentiate({name: online[name] for name in update.trains})
    return result


def advance(
    algorithm: Algorithm,
    config: Any,
    declared: Any,
    state: State,
    batch: Batch,
    noise: Mapping[str, Array],
    skip: bool = False,
) -> tuple[State, Counted]:
    """The state after one update, and each metric with whether it was computed in this one.

    All losses see the parameters from before the step; the step counts from 1 for `every`. With `skip` a loss that is
    not finite, or whose metrics or gradients are not, moves nothing; the metric "skipped" counts such losses.
    """
    count = state.step + 1
    online, first, second = state.online, dict(state.adam_first), dict(state.adam_second)
    measured: Counted = {}
    skips = jnp.zeros((), jnp.int32)
    for update in algorithm.updates:
        result = _when(
            update.due(config, state.step),
            _stepping(update, config, declared, state, batch, noise, update.applied(config, count), skip),
            update.always(),
            _idle(state, update),
        )
        (change, first[update.name], second[update.name]), metrics, applied, skipped = result
        skips += skipped
        online = {**online, **{n: optax.apply_updates(online[n], change[n]) for n in update.trains}}
        measured |= {name: (value, applied) for name, value in metrics.items()}
    target = {
        name: _averaged(
            average,
            getattr(config, average.rate),
            state.target[name],
            state.online[name] if average.when == "before" else online[name],
            count,
        )
        for name, average in algorithm.averages.items()
    }
    if skip:
        measured["skipped"] = (skips.astype(jnp.float32), jnp.ones((), jnp.int32))
    return State(online, target, first, second, count), measured


Moved = tuple[Forest, Forest, Forest]
Stepped = tuple[Moved, Metrics, Array]


def _stepping(
    update: Update,
    config: Any,
    declared: Any,
    state: State,
    batch: Batch,
    noise: Mapping[str, Array],
    count: Array,
    skip: bool,
) -> Callable[[], Stepped]:
    """Changes of the parameters, both moments, metrics, and whether they count."""

    def step() -> Stepped:
        at = (state.online, state.target, batch, noise)
        (loss, metrics), gradient = loss_and_gradient(update, config, declared, *at)
        sound = all_finite((loss, metrics, gradient))
        if (norm := update.norm(config)) is not None:
            gradient, _ = optax.clip_by_global_norm(norm).update(gradient, optax.EmptyState())
        moments = optax.ScaleByAdamState(count - 1, state.adam_first[update.name], state.adam_second[update.name])
        direction, moments = ADAM.update(gradient, moments)
        change = jax.tree.map(lambda leaf: -update.rate(config) * leaf, direction)
        moved = (change, moments.mu, moments.nu)
        if not skip:
            return moved, metrics, jnp.ones((), jnp.int32)
        idle = _idle(state, update)
        kept: Moved = jax.tree.map(lambda new, old: jnp.where(sound, new, old), moved, idle)
        return kept, {name: jnp.where(sound, value, 0.0) for name, value in metrics.items()}, sound.astype(jnp.int32)

    return step


def _idle(state: State, update: Update) -> Moved:
    first, second = state.adam_first[update.name], state.adam_second[update.name]
    return jax.tree.map(jnp.zeros_like, first), first, second


def all_finite(tree: Any) -> Array:
    """Whether every entry of every leaf is finite, one boolean."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _when(due: Array, step: Callable[[], Stepped], always: bool, idle: Moved) -> tuple[Moved, Metrics, Array, Array]:
    """Run `step` when it is due; otherwise nothing moves and the metrics are zeros that do not count.

    The last number is 1 where it was due and did not count.
    """
    if always:
        moved, metrics, counted = step()
        return moved, metrics, counted, 1 - counted
    metrics = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(step)[1])
    moved, metrics, counted = lax.cond(due, step, lambda: (idle, metrics, jnp.zeros((), jnp.int32)))
    return moved, metrics, counted, due.astype(jnp.int32) - counted


def _averaged(average: Average, rate: float, target: Tree, source: Tree, count: Array) -> Tree:
    due = (count % average.every == 0) & (count > average.since)
    weight = jnp.where(due, rate, 0.0)
    moved: Tree = jax.tree.map(lambda old, new: old + weight.astype(old.dtype) * (new - old), target, source)
    return moved
