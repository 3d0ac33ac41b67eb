"""What each seed has met itself: rows with room for more, sampled beside the data set's windows."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ...core.algorithm import Batch
from ...core.engine import Transitions
from .batches import Windows, described, draw_by_episode, draw_starts, window_batch


class Experience(NamedTuple):
    """Rows of S seeds, leaves (S, room, ...), of which the first `count` (S,) are filled."""

    rows: Any  # Transitions
    count: Any


class Source(NamedTuple):
    """Where batches come from: the windows of the data set, and each seed's experience where there is room for one."""

    data: Any  # Windows
    experience: Any = None  # Experience


def empty(data: Windows, seeds: int, room: int) -> Experience:
    """Room for so many rows of every seed, on the data's device."""

    def leaf(*shape: int) -> Any:
        return jax.device_put(np.zeros((seeds, room, *shape), np.float32), data.rewards.device)

    observation, action = data.observations.shape[1], data.actions.shape[1]
    rows = Transitions(leaf(observation), leaf(action), leaf(observation), leaf(), leaf(), leaf())
    return Experience(rows, jax.device_put(np.zeros(seeds, np.int32), data.rewards.device))


@functools.partial(jax.jit, donate_argnums=0)
def written(experience: Experience, rows: Transitions) -> Experience:
    """The experience with rows, (S, n, ...), after those that are there; the old one's memory is reused."""

    def put(buffer: Array, new: Array) -> Array:
        place = jax.vmap(functools.partial(lax.dynamic_update_slice_in_dim, axis=0))
        return place(buffer, new, experience.count)

    return Experience(jax.tree.map(put, experience.rows, rows), experience.count + rows.rewards.shape[1])


def shortened(experience: Experience, filled: int) -> Experience:
    """The experience with its first rows alone, `filled` of every seed where there are as many."""
    return experience._replace(count=jnp.minimum(experience.count, filled))


def draw(source: Source, key: Array, batch_size: int, chunk: int, discount: Array, balanced: bool) -> Batch:
    """A batch of one seed: windows of the data and of its experience, all equally likely, or half of each.

    Before the experience holds a window, all are of the data, whose windows may be drawn by episode.
    """
    of_data, episodes = source.data.last.shape[0], source.data.episodes
    by_episode = None if episodes is None else draw_by_episode(key, batch_size, episodes)
    if source.experience is None:
        start = draw_starts(key, batch_size, of_data) if by_episode is None else by_episode
        return window_batch(source.data, start, chunk)
    filled = source.experience.count
    own = jnp.maximum(filled - chunk + 1, 0)
    if balanced:
        from_own = (jnp.arange(batch_size) >= batch_size // 2) & (own > 0)
        start = draw_starts(key, batch_size, jnp.where(from_own, own, of_data))
    else:
        start = draw_starts(key, batch_size, of_data + own)
        from_own = start >= of_data
        start = jnp.where(from_own, start - of_data, start)
    if by_episode is not None:
        start = jnp.where(from_own, start, by_episode)
    old = window_batch(source.data, jnp.where(from_own, 0, start), chunk)
    new = _own_batch(source.experience.rows, jnp.where(from_own, start, 0), filled, chunk, discount)
    return Batch(*(_where(from_own, mine, theirs) for mine, theirs in zip(new, old, strict=True)))


def _own_batch(rows: Any, start: Array, filled: Array, chunk: int, discount: Array) -> Batch:
    found = described(rows.rewards, rows.masks, rows.terminals, start, filled, chunk, discount)
    windows = Windows(rows.observations, rows.actions, rows.next_observations, *found)
    return window_batch(windows, start, chunk, jnp.arange(start.shape[0]))


def _where(chosen: Array, these: Array, those: Array) -> Array:
    return jnp.where(chosen.reshape(-1, *[1] * (these.ndim - 1)), these, those)
