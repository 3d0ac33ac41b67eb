"""Collect episodes in one process or several: the same rows for the same seed, whatever the number of workers."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ..randomness import derived_seed, seeded_global_generator
from .catalogue import DataSet

Episode = dict[str, npt.NDArray[Any]]
TRAIN, VALIDATION = 0, 1


class Collector(Protocol):
    """An environment with its scripted behaviour; one per process, reused for all its episodes."""

    def __call__(self, seed: int) -> Episode:
        """Collect one episode; the global NumPy generator has already been seeded."""
        ...


CollectorFactory = Callable[[DataSet], Collector]

_collector: Collector | None = None


def _start_worker(factory: CollectorFactory, data_set: DataSet) -> None:
    global _collector
    # Ctrl-C reaches every process of the terminal; only the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _collector = factory(data_set)


def _collect(seed: int) -> Episode:
    collector = cast(Collector, _collector)
    with seeded_global_generator(seed):
        return collector(seed)


def episode_seeds(seed: int, split: int, episodes: int) -> list[int]:
    """Seeds of the episodes of one split; a longer data set begins with the episodes of a shorter one."""
    return [derived_seed(seed, split, episode) for episode in range(episodes)]


def collect_episodes(factory: CollectorFactory, data_set: DataSet, seeds: list[int], workers: int) -> Iterator[Episode]:
    """Yield the episode of each seed, in order.

    Args:
        factory: builds the collector in each process; a module-level function.
        data_set: what to collect.
        seeds: one per episode.
        workers: processes; 1 collects in this one.

    Raises:
        DataError: a worker process died.
    """
    if not seeds:
        return
    if workers <= 1:
        collector = factory(data_set)
        for seed in seeds:
            with seeded_global_generator(seed):
                episode = collector(seed)
            yield episode
        return
    # spawn: forked children would inherit JAX's threads and the parent's random state.
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(seeds))
    arguments = (factory, data_set)
    try:
        with ProcessPoolExecutor(count, context, initializer=_start_worker, initargs=arguments) as pool:
            yield from pool.map(_collect, seeds, chunksize=max(1, min(4, len(seeds) // (4 * workers))))
    except BrokenProcessPool as error:
        raise DataError(
            f"{data_set.name}: a worker process died while collecting, perhaps for want of memory; try --workers 1"
        ) from error


def stack(episodes: list[Episode]) -> Episode:
    """Join episodes along time in OGBench's dtypes: float32, bool terminals, int64 button states."""
    dtypes = {"terminals": np.bool_, "button_states": np.int64}
    return {
        key: np.concatenate([episode[key] for episode in episodes]).astype(dtypes.get(key, np.float32))
        for key in episodes[0]
    }
