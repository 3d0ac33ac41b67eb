"""Batches and noise of an update, drawn from (seed, step) alone, from data that stays on the device."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...core.algorithm import Batch, Noise
from ...core.engine import Transitions
from ...core.episodes import Episodes, episodes_of
from ...core.errors import DataError
from .value_targets import chunk_return


class Described(NamedTuple):
    """Of each window its return, mask and validity, its last row that counts, and where its next actions begin.

    `next_valid` is 1 where both windows lie in one episode.
    """

    rewards: Tensor
    masks: Tensor
    valid: Tensor
    last: Tensor
    next_starts: Tensor
    next_valid: Tensor


class Windows:
    """All windows of `chunk` consecutive rows of a data set, each reduced once to what an update needs."""

    def __init__(
        self, data: Transitions, chunk: int, discount: float, device: torch.device, by_episode: bool = False
    ) -> None:
        rows = len(data.actions)
        if rows < chunk:
            raise DataError(f"the data set has {rows} rows, fewer than one chunk of {chunk}")
        self.count = rows - chunk + 1
        tensors: dict[str, Any] = {
            name: torch.tensor(column, dtype=torch.float32, device=device) for name, column in data._asdict().items()
        }
        self.columns: Any = Transitions(**tensors)
        self.steps = torch.arange(chunk, device=device)
        starts = torch.arange(self.count, device=device)
        self.described = described(self.columns, starts, rows, chunk, discount)
        self.episodes: Episodes | None = None
        if by_episode:
            found = episodes_of(data.terminals, chunk)
            self.episodes = Episodes(*(torch.tensor(part, dtype=torch.int64, device=device) for part in found))

    def batch(self, starts: Tensor) -> Batch:
        """The windows that start at rows `starts`."""
        found = Described(*(part[starts] for part in self.described))
        return window_batch(self.columns, starts, found, self.steps)


def described(columns: Any, starts: Tensor, rows: int, chunk: int, discount: float) -> Described:
    """What is to say of the windows from `starts` among the first `rows` rows."""
    labels = (columns.rewards, columns.masks, columns.terminals)
    rewards, masks, ends = (column.unfold(0, chunk, 1)[starts] for column in labels)
    returned = chunk_return(rewards, masks, ends, discount)
    invalid = ends[:, :-1].cummax(-1).values.sum(-1) if chunk > 1 else torch.zeros_like(returned[0])
    last = starts + (chunk - 1 - invalid).long()
    next_starts = (last + 1).clamp(max=rows - chunk)
    follows = (last + 1 == next_starts) & (columns.terminals[last] == 0)
    later_ends = columns.terminals.unfold(0, chunk, 1)[next_starts][:, :-1].sum(-1)
    return Described(*returned, last, next_starts, (follows & (later_ends == 0)).to(torch.float32))


def window_batch(columns: Any, starts: Tensor, found: Described, steps: Tensor) -> Batch:
    """The windows from `starts`, described by `found`, with the next observation of their last valid step."""
    rows, size = columns.actions.shape
    # Overlapping windows of the flat action array: no copy of the data chunk times over.
    actions = columns.actions.as_strided((rows - len(steps) + 1, len(steps) * size), (size, 1))
    return Batch(
        observations=columns.observations[starts],
        actions=actions[starts],
        rewards=found.rewards,
        masks=found.masks,
        valid=found.valid,
        next_observations=columns.next_observations[found.last],
        valid_steps=(steps <= (found.last - starts).unsqueeze(-1)).to(torch.float32),
        next_actions=actions[found.next_starts],
        next_valid=found.next_valid,
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
    """Window starts and noise of an update of several seeds, from a generator for each that every update seeds anew."""

    def __init__(self, noise: Mapping[str, Noise], seeds: Sequence[int], device: torch.device) -> None:
        self.noise, self.seeds, self.device = noise, seeds, device
        self.generators = [torch.Generator(device) for _ in seeds]

    def begin(self, step: int) -> None:
        """From here on draw what belongs to the update after `step` others."""
        for seed, generator in zip(self.seeds, self.generators, strict=True):
            generator.manual_seed(generator_seed(seed, step))

    def draw(self, ranges: Sequence[tuple[int, int]], data: Windows | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Starts (S, B) and noise (S, ...) by name, without S where there is one seed; the same after each `begin`.

        Args:
            ranges: (number, how many starts are drawn below it), the parts of the batch in order.
            data: whose windows come first in the first part; where it has episodes, these are drawn by them.
        """
        drawn = [self._of(generator, ranges, data) for generator in self.generators]
        if len(drawn) == 1:
            return drawn[0]
        starts = torch.stack([starts for starts, _ in drawn])
        return starts, {name: torch.stack([values[name] for _, values in drawn]) for name in self.noise}

    def _of(
        self, generator: torch.Generator, ranges: Sequence[tuple[int, int]], data: Windows | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        parts = [torch.randint(high, (n,), generator=generator, device=self.device) for high, n in ranges]
        values = {}
        for name, declared in self.noise.items():
            sample = torch.randn if declared.kind == "normal" else torch.rand
            values[name] = sample(declared.shape, dtype=torch.float32, generator=generator, device=self.device)
        if data is not None and data.episodes is not None:
            mine = self._by_episode(generator, len(parts[0]), data.episodes)
            parts[0] = torch.where(parts[0] < data.count, mine, parts[0])
        return parts[0] if len(parts) == 1 else torch.cat(parts), values

    def _by_episode(self, generator: torch.Generator, count: int, episodes: Episodes) -> Tensor:
        """Starts in episodes drawn uniformly, each once at most where there are more of them than starts."""
        device, number = self.device, len(episodes.first)
        if number > count:
            chosen = torch.randperm(number, generator=generator, device=device)[:count]
        else:
            chosen = torch.randint(number, (count,), generator=generator, device=device)
        # The remainder of so large a number is uniform but for one part in 2³⁰.
        within = torch.randint(1 << 62, (count,), generator=generator, device=device) % episodes.starts[chosen]
        starts: Tensor = episodes.first[chosen] + within
        return starts
