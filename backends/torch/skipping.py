"""Letting a loss that is not finite move nothing of its seed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import optree
import torch
from torch import Tensor


def sound_seeds(seeds: int, tree: Any) -> Tensor:
    """Whether all entries of each seed in a tree of tensors, () or (S, ...), are finite: (S,)."""
    each = [torch.isfinite(leaf).reshape(seeds, -1).all(1) for leaf in optree.tree_leaves(tree)]
    return torch.stack(each).all(0)


@contextmanager
def unchanged_unless(sound: Tensor, values: Iterable[Tensor]) -> Iterator[None]:
    """Put tensors (S, ...) back, where a seed is not sound (S,), to what they were before."""
    kept = [(value, value.clone()) for value in values]
    yield
    for value, before in kept:
        value.copy_(torch.where(sound.reshape(-1, *(1,) * (value.ndim - 1)), value, before))
