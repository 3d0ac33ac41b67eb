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
        self._counts: dict[str, Any] = {}

    def add(self, update: str, metrics: Mapping[str, Tensor], sound: Tensor | None = None) -> None:
        """Count the metrics of one update, each () or (S,); a method may have none.

        Args:
            update: whose metrics they are.
            metrics: by name.
            sound: (S,), false for the seeds in which they do not count; None counts all.
        """
        if not metrics:
            return
        values = torch.stack(tuple(metrics.values()))
        if update not in self._sums:
            self._names[update] = tuple(metrics)
            self._sums[update] = torch.zeros_like(values, dtype=torch.float64)
            self._counts[update] = 0
        if sound is not None:
            sound = sound.reshape(values.shape[1:])
            values = torch.where(sound, values, 0.0)
        self._sums[update] += values
        self._counts[update] += 1 if sound is None else sound.to(torch.int64)

    def skipped(self, sound: Mapping[str, Tensor | None]) -> None:
        """Count the losses of one update that did not count, (S,) each; none where nobody asked."""
        each = [1.0 - counted.to(torch.float64) for counted in sound.values() if counted is not None]
        if each:
            self.add("", {"skipped": torch.stack(each).sum(0)})

    def means(self, seeds: int) -> dict[str, npt.NDArray[Any]]:
        """Each metric's mean, shape (S,)."""
        result: dict[str, npt.NDArray[Any]] = {}
        for update, total in self._sums.items():
            counts = torch.as_tensor(self._counts[update], device=total.device)
            if counts.any():
                mean = (total / counts.clamp(min=1)).reshape(-1, seeds).cpu().numpy()
                result.update(zip(self._names[update], mean, strict=True))
        return result
