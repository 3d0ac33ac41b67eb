"""What each seed has met itself: rows with room for more, sampled beside the data set's windows."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.algorithm import Batch
from ...core.engine import Transitions
from .batches import Windows, described, window_batch


class Experience:
    """Rows of S seeds, tensors (S, room, ...), of which the first `filled` are there; written in place."""

    def __init__(self, seeds: int, room: int, data: Windows, discount: float, balanced: bool) -> None:
        self.data, self._discount, self._balanced = data, discount, balanced
        self._rows: Any = Transitions(*(column.new_zeros((seeds, room, *column.shape[1:])) for column in data.columns))
        self.filled = 0

    def write(self, rows: Transitions, filled: int) -> None:
        """Put rows, (S, n, ...), after those that are there, which makes `filled`."""
        for buffer, new in zip(self._rows, rows, strict=True):
            buffer[:, self.filled : filled] = buffer.new_tensor(np.asarray(new, np.float32))
        self.filled = filled

    def windows(self) -> int:
        """How many windows the experience of a seed holds."""
        return max(self.filled - len(self.data.steps) + 1, 0)

    def ranges(self, batch_size: int) -> list[tuple[int, int]]:
        """(how many windows, how many starts among them) for each part of a batch.

        One part from all windows, the data's before the seed's own; or, balanced, the data's half and the seed's.
        """
        if self._balanced and self.windows():
            half = batch_size // 2
            return [(self.data.count, half), (self.windows(), batch_size - half)]
        return [(self.data.count + self.windows(), batch_size)]

    def batch(self, starts: Tensor) -> Batch:
        """The windows that start there: (S, B), or (B,) of a single seed."""
        if not self.windows():
            return self.data.batch(starts)
        if starts.dim() == 1:
            return self._of_seed(0, starts)
        each = [self._of_seed(seed, own) for seed, own in enumerate(starts)]
        return Batch(*map(torch.stack, zip(*each, strict=True)))

    def _of_seed(self, seed: int, starts: Tensor) -> Batch:
        if self._balanced:
            own = torch.arange(len(starts), device=starts.device) >= len(starts) // 2
        else:
            own = starts >= self.data.count
            starts = torch.where(own, starts - self.data.count, starts)
        theirs = self.data.batch(torch.where(own, 0, starts))
        mine = self._own(seed, torch.where(own, starts, 0))
        return Batch(*(_where(own, new, old) for new, old in zip(mine, theirs, strict=True)))

    def _own(self, seed: int, starts: Tensor) -> Batch:
        rows, steps = Transitions(*(column[seed] for column in self._rows)), self.data.steps
        found = described(rows, starts, self.filled, len(steps), self._discount)
        return window_batch(rows, starts, found, steps)


def _where(chosen: Tensor, these: Tensor, those: Tensor) -> Tensor:
    return torch.where(chosen.reshape(-1, *[1] * (these.dim() - 1)), these, those)
