"""Seeding of NumPy's global generator, which OGBench's mazes and oracles draw from whatever seed reset gets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_global_generator = threading.Lock()


def derived_seed(*words: int) -> int:
    """One 32-bit seed from a tuple of non-negative integers, the same on every machine and NumPy version.

    Args:
        words: any non-negative integers, for instance (seed, stream, episode).
    """
    return int(np.random.SeedSequence(words).generate_state(1)[0])


@contextmanager
def seeded_global_generator(seed: int) -> Iterator[None]:
    """Seed `numpy.random` for the block, alone among threads, and put its state back afterwards."""
    with _global_generator:
        state = np.random.get_state()  # noqa: NPY002 - the simulator draws from the global generator
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
