"""A trained run as a policy on any backend."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.algorithm import Dimensions
from ..core.engine import FlatState, Policy
from ..core.errors import CheckpointError, UsageError
from ..core.networks import Forest
from . import checkpoint
from .backends import policy_function
from .checkpoint import Which
from .evaluation import PATIENCE, EvaluationResult, evaluate
from .run_folder import RunFolder
from .scoring import noise_shapes
from .worker_processes import Stepping


def load_policy(
    run: Path,
    backend: str = "reference",
    seed: int | None = None,
    behaviour: bool = False,
    numbers: Mapping[str, float] | None = None,
    which: Which = "latest",
) -> Policy:
    """The policy of one seed of a run, from a checkpoint that verifies.

    Args:
        run: the run folder, whichever backend trained it.
        backend: reference, jax or torch.
        seed: one of the run's seeds; None takes its first.
        behaviour: the behaviour-cloning policy in place of the method's.
        numbers: in a run that swept over hyper-parameters, the values of one setting; None takes the first.
        which: the latest checkpoint, or the best: that with the highest success rate on average over the members.

    Returns:
        observations (..., S) of the environment and noise by name to actions (..., h·A), NumPy in and out.

    Raises:
        UsageError: the folder is no run, or the run has no such seed, setting or behaviour policy.
        CheckpointError: no checkpoint verifies.
        MissingBackendError: the backend's framework is not installed.
    """
    folder = RunFolder.open(run)
    (policy,) = load_policies(folder, backend, behaviour, which, [_find(folder, seed, numbers)])
    return policy


def load_policies(
    folder: RunFolder, backend: str, behaviour: bool, which: Which = "latest", indices: Sequence[int] | None = None
) -> list[Policy]:
    """The policies of members of a run, all unless `indices` chooses, from one reading of a checkpoint.

    Raises:
        UsageError, CheckpointError, MissingBackendError: as `load_policy`.
    """
    function = policy_function(backend)
    algorithm, config = folder.method()
    dimensions = Dimensions(**folder.config["dimensions"])
    if behaviour and algorithm.behaviour is None:
        raise UsageError(f"{algorithm.name} trains no behaviour policy")
    load = checkpoint.load_best if which == "best" else checkpoint.load_latest
    state = load(folder.path, folder.identity).state
    normaliser, policies = folder.normaliser(), []
    for index in range(len(folder.members)) if indices is None else indices:
        own = dataclasses.replace(config, **folder.members[index].numbers)
        online, target = (forest(state, part, index) for part in ("online", "target"))
        if missing := sorted(set(algorithm.declared(own, dimensions)) - set(online)):
            raise CheckpointError(f"{folder.path}: the checkpoint lacks the network {', '.join(missing)}")
        policies.append(normaliser.before(function(algorithm, own, dimensions, online, target, behaviour)))
    return policies


def _find(folder: RunFolder, seed: int | None, numbers: Mapping[str, float] | None) -> int:
    """Which member of the run has this seed and these numbers."""
    found = [
        index
        for index, member in enumerate(folder.members)
        if seed in (None, member.seed) and numbers in (None, member.numbers)
    ]
    if not found:
        known = ", ".join(member.label for member in folder.members)
        setting = "" if numbers is None else f" with {dict(numbers)}"
        raise UsageError(f"{folder.path}: has no seed {seed}{setting}; it has {known}")
    return found[0]


def evaluate_run(
    run: Path,
    backend: str,
    episodes: int,
    workers: int = 2,
    behaviour: bool = False,
    which: Which = "latest",
    stepping: Stepping = "threads",
    patience: float = PATIENCE,
) -> EvaluationResult:
    """Evaluate every seed of a run on any backend, on the episodes and noise that its training used.

    Raises:
        UsageError, CheckpointError, MissingBackendError: as `load_policy`.
    """
    folder = RunFolder.open(run)
    config = folder.config
    algorithm, values = folder.method()
    dimensions = Dimensions(**config["dimensions"])
    each = folder.members
    policies = load_policies(folder, backend, behaviour, which)
    noise = noise_shapes(algorithm, values, dimensions)
    seeds = [member.seed for member in each]
    return evaluate(
        config["env"],
        stacked(policies),
        seeds,
        episodes,
        values.chunk,
        noise,
        workers,
        stepping=stepping,
        patience=patience,
    )


def stacked(policies: Sequence[Policy]) -> Policy:
    """Policies of S seeds as one that takes and returns a leading seed axis."""

    def act(observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.stack(
            [
                policy(observations[index], {name: value[index] for name, value in noise.items()})
                for index, policy in enumerate(policies)
            ]
        )

    return act


def forest(state: FlatState, part: str, seed_index: int) -> Forest:
    """The online or target parameters of one seed out of a flat state.

    Raises:
        CheckpointError: an array has another name or no such seed.
    """
    trees: Forest = {}
    for name, value in state.items():
        if name.startswith(f"{part}/"):
            if name.count("/") != 2 or value.ndim == 0 or len(value) <= seed_index:
                raise CheckpointError(f"the state's array {name!r} is not one of seed {seed_index} of a network")
            _, network, parameter = name.split("/")
            trees.setdefault(network, {})[parameter] = value[seed_index]
    return trees
