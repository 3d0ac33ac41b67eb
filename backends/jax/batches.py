"""Batches and noise as functions of (seed, step) alone, drawn on the device."""

import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...core.algorithm import Batch, Noise
from ...core.engine import Transitions
from ...core.episodes import Episodes, episodes_of
from ...core.errors import DataError
from .value_targets import chunk_return


class Windows(NamedTuple):
    """The data on the device: its rows, and by start of a window its return, mask, validity, last row and sequel.

    `next_start` is where the window of next actions begins, `next_valid` whether both lie in one episode; `episodes`
    are there where windows are drawn by them.
    """

    observations: Array
    actions: Array
    next_observations: Array
    rewards: Array
    masks: Array
    valid: Array
    last: Array
    next_start: Array
    next_valid: Array
    episodes: Any = None  # Episodes


def windows(data: Transitions, chunk: int, discount: float, device: Any, by_episode: bool = False) -> Windows:
    """Put the data on the device and work out every window of `chunk` rows once.

    A window that leaves its episode keeps the next observation of its last valid row.
    """
    rows = data.observations.shape[0]
    if rows < chunk:
        raise DataError(f"the data has {rows} rows, too few for one window of {chunk}")
    parts = [jax.device_put(np.asarray(part, np.float32), device) for part in data]
    observations, actions, next_observations, rewards, masks, terminals = parts
    starts = jnp.arange(rows - chunk + 1, dtype=jnp.int32)
    found = described(rewards, masks, terminals, starts, rows, chunk, discount)
    episodes = jax.device_put(episodes_of(data.terminals, chunk), device) if by_episode else None
    return Windows(observations, actions, next_observations, *found)._replace(episodes=episodes)


def described(
    rewards: Array, masks: Array, terminals: Array, starts: Array, rows: Any, chunk: int, discount: Any
) -> tuple[Array, ...]:
    """Return, mask, validity, last row, next start and its validity of the windows from `starts` among `rows` rows."""
    index = starts[:, None] + jnp.arange(chunk, dtype=jnp.int32)
    returned = chunk_return(rewards[index], masks[index], terminals[index], discount)
    ends = terminals[index] > 0
    ended = jnp.any(ends[:, :-1], axis=1)
    first_end = jnp.argmax(ends, axis=1).astype(jnp.int32)
    last = starts + jnp.where(ended, first_end, chunk - 1)
    next_start = jnp.minimum(last + 1, rows - chunk)
    follows = (last + 1 == next_start) & (terminals[last] == 0)
    later_ends = terminals[next_start[:, None] + jnp.arange(chunk - 1, dtype=jnp.int32)] > 0
    next_valid = (follows & ~jnp.any(later_ends, axis=1)).astype(jnp.float32)
    return *returned, last, next_start, next_valid


def keys(seeds: Sequence[int], device: Any) -> Array:
    """One key per seed, by a named generator so that a process-wide default cannot change a run."""
    words = np.array([[seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF] for seed in seeds], np.uint32)
    wrapped: Array = jax.random.wrap_key_data(jax.device_put(words, device), impl="threefry2x32")
    return wrapped


def draw_starts(key: Array, batch_size: int, windows: Any) -> Array:
    """Uniform starts of `batch_size` windows, drawn with the key of one seed and step."""
    key = jax.random.fold_in(key, zlib.crc32(b"batch"))
    return jax.random.randint(key, (batch_size,), 0, windows, dtype=jnp.int32)


def draw_by_episode(key: Array, batch_size: int, episodes: Episodes) -> Array:
    """Starts of `batch_size` windows, in episodes drawn uniformly, each once at most where there are more of them."""
    count = episodes.first.shape[0]
    key = jax.random.fold_in(key, zlib.crc32(b"episodes"))
    chosen = jax.random.choice(key, count, (batch_size,), replace=count <= batch_size)
    key = jax.random.fold_in(key, zlib.crc32(b"rows"))
    within = jax.random.randint(key, (batch_size,), 0, episodes.starts[chosen], dtype=jnp.int32)
    starts: Array = episodes.first[chosen] + within
    return starts


def window_batch(data: Windows, start: Array, chunk: int, described_at: Array | None = None) -> Batch:
    """The windows from `start`; what is known of them stands there, or at `described_at`, in the data's columns."""
    at = start if described_at is None else described_at
    steps = jnp.arange(chunk, dtype=jnp.int32)
    last, next_start = data.last[at], data.next_start[at]
    batch_size = start.shape[0]
    return Batch(
        observations=data.observations[start],
        actions=data.actions[start[:, None] + steps].reshape(batch_size, -1),
        rewards=data.rewards[at],
        masks=data.masks[at],
        valid=data.valid[at],
        next_observations=data.next_observations[last],
        valid_steps=(steps <= (last - start)[:, None]).astype(jnp.float32),
        next_actions=data.actions[next_start[:, None] + steps].reshape(batch_size, -1),
        next_valid=data.next_valid[at],
    )


def draw_noise(declared: Mapping[str, Noise], key: Array) -> dict[str, Array]:
    """The declared noise, drawn with the key of one seed and step.

    One draw per kind, cut into the declared pieces: every draw costs XLA seconds to compile on a CPU.
    """
    drawn: dict[str, Array] = {}
    for kind, draw in (("normal", jax.random.normal), ("uniform", jax.random.uniform)):
        named = {name: noise.shape for name, noise in declared.items() if noise.kind == kind}
        if not named:
            continue
        sizes = [math.prod(shape) for shape in named.values()]
        flat = draw(jax.random.fold_in(key, zlib.crc32(kind.encode())), (sum(sizes),), jnp.float32)
        pieces = jnp.split(flat, list(itertools.accumulate(sizes))[:-1])
        drawn |= {name: piece.reshape(named[name]) for name, piece in zip(named, pieces, strict=True)}
    return drawn
