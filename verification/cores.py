"""Gives each process of a parallel run cores of its own: threads of several pools on one core wait for each other."""

import importlib.util
import os
from collections.abc import Mapping
from typing import Any


def keep_to_share(worker: Mapping[str, Any]) -> None:
    """Bind this process, one of xdist's workers, to its share of the cores, and torch to as many threads.

    Called before JAX starts, which counts the cores that it may use. Where a process cannot be bound (macOS,
    Windows) the number of torch's threads alone is limited.

    Args:
        worker: xdist's `config.workerinput`.
    """
    place, workers = int(worker["workerid"].removeprefix("gw")), int(worker["workercount"])
    bindable = hasattr(os, "sched_setaffinity")
    cores = sorted(os.sched_getaffinity(0)) if bindable else list(range(os.cpu_count() or 1))
    own = cores[place % len(cores) :: workers]
    if bindable:
        os.sched_setaffinity(0, own)
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(len(own))
