"""Means of metrics over updates, summed on the device."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor


class Meter:
    """Sums each update's metrics in float64 and reads them once at the end."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, update: str, metrics: Mapping[str, Tensor]) -> None:
        """Count the metrics of one update, each () or (S,); a method may have none."""
        if not metrics:
            return
        values = torch.stack(tuple(metrics.values()))
        if update not in self._sums:
            self._names[update] = tuple(metrics)
            self._sums[update] = torch.zeros_like(values, dtype=torch.float64)
            self._counts[update] = 0
        self._sums[update] += values
        self._counts[update] += 1

    def means(self, seeds: int) -> dict[str, npt.NDArray[Any]]:
        """Each metric's mean, shape (S,)."""
        result: dict[str, npt.NDArray[Any]] = {}
        for update, total in self._sums.items():
            mean = (total / self._counts[update]).reshape(-1, seeds).cpu().numpy()
            result.update(zip(self._names[update], mean, strict=True))
        return result
