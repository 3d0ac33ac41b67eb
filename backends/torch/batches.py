"""Batches and noise of an update, drawn from (seed, step) alone, from data that stays on the device."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ...core.algorithm import Batch, Noise
from ...core.engine import Transitions
from ...core.errors import DataError
from .value_targets import chunk_return


class Windows:
    """All windows of `chunk` consecutive rows of a data set, each reduced once to what an update needs."""

    def __init__(self, data: Transitions, chunk: int, discount: float, device: torch.device) -> None:
        rows, size = data.actions.shape
        if rows < chunk:
            raise DataError(f"the data set has {rows} rows, fewer than one chunk of {chunk}")
        self.count = rows - chunk + 1
        tensors = {
            name: torch.tensor(column, dtype=torch.float32, device=device) for name, column in data._asdict().items()
        }
        self.observations, self.next_observations = tensors["observations"], tensors["next_observations"]
        rewards, masks, terminals = (tensors[name].unfold(0, chunk, 1) for name in ("rewards", "masks", "terminals"))
        self.rewards, self.masks, self.valid = chunk_return(rewards, masks, terminals, discount)
        # Overlapping windows of the flat action array: no copy of the data chunk times over.
        self.actions = tensors["actions"].as_strided((self.count, chunk * size), (size, 1))
        invalid = terminals[:, :-1].cummax(-1).values.sum(-1) if chunk > 1 else torch.zeros_like(self.rewards)
        last = (chunk - 1 - invalid).long()
        self.next_rows = torch.arange(self.count, device=device) + last
        self.next_starts = (self.next_rows + 1).clamp(max=self.count - 1)
        follows = (self.next_rows + 1 == self.next_starts) & (tensors["terminals"][self.next_rows] == 0)
        self.next_valid = torch.where(follows, self.valid[self.next_starts], 0.0)
        self.steps = torch.arange(chunk, device=device)

    def batch(self, starts: Tensor) -> Batch:
        """The windows that start at rows `starts`, with the next observation of their last valid step."""
        last = self.next_rows[starts]
        return Batch(
            observations=self.observations[starts],
            actions=self.actions[starts],
            rewards=self.rewards[starts],
            masks=self.masks[starts],
            valid=self.valid[starts],
            next_observations=self.next_observations[last],
            valid_steps=(self.steps <= (last - starts).unsqueeze(-1)).to(torch.float32),
            next_actions=self.actions[self.next_starts[starts]],
            next_valid=self.next_valid[starts],
        )


def generator_seed(seed: int, step: int) -> int:
    """A 32-bit key for update `step` of run `seed`; within a run no two steps share one.

    The CPU generator keeps 32 bits of what it is given: a bijective mix of step plus an offset by seed.
    """
    key = (step + (seed + (seed >> 32) * 0x27D4EB2F) * 0x9E3779B1) & 0xFFFFFFFF
    key = ((key ^ (key >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    key = ((key ^ (key >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return key ^ (key >> 16)


class Draws:
    """Window starts and noise of one update, by reseeding one generator."""

    def __init__(self, noise: Mapping[str, Noise], batch_size: int, windows: int, device: torch.device) -> None:
        self.noise, self.batch_size, self.windows, self.device = noise, batch_size, windows, device
        self.generator = torch.Generator(device)

    def draw(self, seed: int, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Starts (B,) and noise by name; the same on every call with the same arguments."""
        self.generator.manual_seed(generator_seed(seed, step))
        generator, device = self.generator, self.device
        starts = torch.randint(self.windows, (self.batch_size,), generator=generator, device=device)
        values = {}
        for name, declared in self.noise.items():
            sample = torch.randn if declared.kind == "normal" else torch.rand
            values[name] = sample(declared.shape, dtype=torch.float32, generator=generator, device=device)
        return starts, values
