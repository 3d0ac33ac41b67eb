"""Who trains side by side in one run: every seed with every setting of a sweep over hyper-parameters."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import UsageError


@dataclass(frozen=True)
class Member:
    """One of the policies that a run trains: its seed, and the hyper-parameters that are its own."""

    seed: int
    numbers: Mapping[str, float]

    @property
    def setting(self) -> str:
        """ "inv_temp=0.3", nothing outside a sweep."""
        return " ".join(f"{name}={value:g}" for name, value in self.numbers.items())

    @property
    def label(self) -> str:
        """ "seed 0", or "inv_temp=0.3 seed 0"."""
        return f"{self.setting} seed {self.seed}".lstrip()


def members(seeds: Sequence[int], sweep: Mapping[str, Sequence[float]]) -> tuple[Member, ...]:
    """Every seed with every combination of the sweep's values; the seeds of one combination stand together."""
    settings = [dict(zip(sweep, values, strict=True)) for values in itertools.product(*sweep.values())]
    return tuple(Member(seed, numbers) for numbers in settings for seed in seeds)


def parse_sweep(words: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """A sweep from words of the command line such as "inv_temp=0.3,1,3".

    Raises:
        UsageError: a word is not NAME=NUMBER,NUMBER,..., or names a hyper-parameter a second time.
    """
    sweep: dict[str, tuple[float, ...]] = {}
    for word in words:
        name, _, values = word.partition("=")
        name = name.replace("-", "_")
        try:
            numbers = tuple(float(value) for value in values.split(","))
        except ValueError:
            message = f"sweep: expected NAME=NUMBER,NUMBER,... as in inv_temp=0.3,1; got {word!r}"
            raise UsageError(message) from None
        if name in sweep or len(set(numbers)) < len(numbers):
            raise UsageError(f"sweep: {word!r} names a hyper-parameter or a value twice")
        sweep[name] = numbers
    return sweep
