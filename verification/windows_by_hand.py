"""A small data set with episodes of several lengths, and what a window of it must be, step by step."""

from typing import Any

import numpy as np

from ..core.algorithm import Batch, Dimensions
from ..core.engine import Transitions

ROWS = 14
ENDS = (0, 4, 6, 10, 13)  # last rows of the episodes
SIZES = Dimensions(observation=2, action=3)


def _transitions() -> Transitions:
    """An observation begins with its row over 16; the next one is no row's observation."""
    rng = np.random.default_rng(7)
    rows = np.arange(ROWS, dtype=np.float32)
    return Transitions(
        observations=np.stack([rows / 16.0, 0.5 - rows / 64.0], axis=1),
        actions=(0.125 * rows - 1.0)[:, None],
        next_observations=np.stack([rows / 16.0 + 1.0 / 32.0, 0.25 - rows / 64.0], axis=1),
        rewards=rng.standard_normal(ROWS).astype(np.float32),
        masks=(np.arange(ROWS) % 4 != 2).astype(np.float32),
        terminals=np.isin(np.arange(ROWS), ENDS).astype(np.float32),
    )


TRANSITIONS = _transitions()


def first_row(observation: Any) -> Any:
    """The row that an observation stands in."""
    return np.rint(16.0 * observation[..., 0]).astype(int)


def window(start: int, chunk: int, discount: float, data: Transitions = TRANSITIONS) -> Batch:
    """The window of `chunk` rows from `start`: what comes after an episode's end no longer counts.

    Valid if no row before the last ends its episode; the mask is the smallest met; the next observation is that of
    the last row that counts. Actions are kept as they stand in the data. The next actions begin after the row that
    counted last, or earlier where the data ends; they are valid if these rows and the window's are of one episode.
    """
    reward, mask, last, valid, steps = 0.0, 1.0, start, 1.0, []
    for k in range(chunk):
        row = start + k
        if k and data.terminals[row - 1]:
            valid = 0.0
        if valid:
            reward += discount**k * float(data.rewards[row])
            mask = min(mask, float(data.masks[row]))
            last = row
        steps.append(valid)
    begin = min(last + 1, len(data.rewards) - chunk)
    together = range(start, begin + chunk - 1)  # rows after which the episode must go on
    follows = begin == last + 1 and not any(data.terminals[row] for row in together)
    return Batch(
        observations=data.observations[start],
        actions=data.actions[start : start + chunk].ravel(),
        rewards=np.float32(reward),
        masks=np.float32(mask),
        valid=np.float32(valid),
        next_observations=data.next_observations[last],
        valid_steps=np.asarray(steps, np.float32),
        next_actions=data.actions[begin : begin + chunk].ravel(),
        next_valid=np.float32(follows and valid),
    )


def revealed(metrics: dict[str, Any], seed: int, config: Any, sizes: Dimensions) -> dict[str, Any]:
    """The arrays that `probes.reveal` took apart, for one seed; float32."""
    rows = config.batch_size
    shapes = {
        "batch.observations": (rows, sizes.observation),
        "batch.next_observations": (rows, sizes.observation),
        "batch.actions": (rows, sizes.action),
        "batch.next_actions": (rows, sizes.action),
        "batch.valid_steps": (rows, sizes.action),
        "noise.wide": (2, rows, sizes.action),
        "noise.time": (rows, 1),
        "noise.other": (2, rows, sizes.action),
    }
    shapes |= {f"batch.{name}": (rows,) for name in ("rewards", "masks", "valid", "next_valid")}
    return {
        name: np.array([metrics[f"{name}.{index}"][seed] for index in range(int(np.prod(shape)))], np.float32).reshape(
            shape
        )
        for name, shape in shapes.items()
    }
