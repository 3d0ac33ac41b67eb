"""Behaviour of OGBench's ant- and humanoid-maze data: an expert walks towards the next cell on a shortest path.

Protocol of ogbench's data_gen_scripts/generate_locomaze.py: a_t = clip(π(s_t, d_t) + 0.2 ε_t, -1, 1), where the expert
π sees the body's state without its position and d_t, the unit vector to the next cell. OGBench's experts are not
published; `ant_expert` beside this file is the policy of a run of `veloq data train-expert ant` of 400,000 steps.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import UsageError
from .catalogue import DataSet, Family
from .collection import Collector
from .expert_tasks import ANT, HUMANOID
from .pointmaze import PointMazeCollector

NOISE = 0.2
# On which task an expert is trained, and the one that the package has.
TASKS: Mapping[Family, str] = {"antmaze": ANT, "humanoidmaze": HUMANOID}
EXPERTS: Mapping[Family, Path] = {"antmaze": Path(__file__).with_name("ant_expert")}


class ExpertMazeCollector(PointMazeCollector):
    """Goals as in the point maze; actions by the expert."""

    def __init__(self, data_set: DataSet, expert: Path) -> None:
        super().__init__(data_set)
        from ..policies import load_policy

        # One observation at a time, NumPy is the fastest, and needs no framework in the processes that collect.
        self._policy = load_policy(expert, "reference")
        self._still = {"action": np.zeros(self._env.action_space.shape, np.float32)}

    def _action(self, observation: npt.NDArray[Any]) -> npt.NDArray[Any]:
        seen = np.concatenate([observation[2:], self._direction()]).astype(np.float32)
        # No noise of its own: what is added is the protocol's.
        action = self._policy(seen, self._still)
        return np.clip(action + np.random.normal(0.0, NOISE, action.shape), -1.0, 1.0)  # noqa: NPY002


def described(expert: Path, family: Family) -> dict[str, Any]:
    """Who collects, for the manifest: the run, and the SHA-256 of its newest checkpoint.

    Raises:
        UsageError: the folder is no run of the family's task.
        CheckpointError: no checkpoint verifies.
    """
    from ..checkpoint import load_latest
    from ..run_folder import RunFolder

    folder = RunFolder.open(expert)
    if folder.config["env"] != TASKS[family]:
        raise UsageError(f"expert: {expert} was trained on {folder.config['env']}, expected {TASKS[family]}")
    newest, digest = load_latest(expert, folder.identity), hashlib.sha256()
    for name in sorted(newest.state):
        digest.update(name.encode() + newest.state[name].tobytes())
    return {"run": expert.name, "step": newest.step, "sha256": digest.hexdigest()}


def make_collector(data_set: DataSet, expert: Path) -> Collector:
    """Build the collector of an ant- or humanoid-maze data set."""
    return ExpertMazeCollector(data_set, expert)
