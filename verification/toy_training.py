"""Training a method on a problem in the plane, small and fast, and sampling what it learned."""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..algorithms import ALGORITHMS
from ..core.algorithm import Algorithm, Dimensions
from ..core.engine import Transitions

SMALL = {
    "hidden": (64, 64, 64),
    "critics": 1,
    "rho": 0.0,
    "flow_steps": 20,
    "chunk": 1,
    "batch_size": 256,
    "learning_rate": 5e-3,
    "target_rate": 0.02,
    "best_of_n": 1,
    "backup_candidates": 1,
}
PLANE = Dimensions(observation=1, action=2)
GROUP = 1000  # actions drawn at once: EVOR needs 64 candidates and many returns for each


@dataclass(frozen=True)
class Learned:
    """A trained method: its engine, its state, and how it was configured."""

    algorithm: Algorithm
    config: Any
    engine: Any
    state: Any

    def sample(self, count: int, seed: int = 0, behaviour: bool = False) -> NDArray[np.float64]:
        """Actions (count, 2) at the only observation, drawn by the thousand."""
        rng = np.random.default_rng(seed)
        return np.concatenate([self._draw(rng, behaviour) for _ in range(0, count, GROUP)])[:count]

    def _draw(self, rng: np.random.Generator, behaviour: bool) -> NDArray[np.float64]:
        noise = {
            name: (rng.standard_normal if each.kind == "normal" else rng.random)((1, GROUP, *each.shape))
            for name, each in self.algorithm.act_noise(self.config, PLANE).items()
        }
        act = self.engine.behave if behaviour else self.engine.act
        return np.asarray(act(self.state, np.zeros((1, GROUP, 1), np.float32), noise)[0], np.float64)

    def policy(self, **changes: Any) -> "Learned":
        """The same parameters acting under other hyper-parameters."""
        config = type(self.config)(**{**vars(self.config), **changes})
        engine = type(self.engine)(self.algorithm, config, PLANE, _one_row(), (0,))
        return Learned(self.algorithm, config, engine, engine.restore(self.engine.export(self.state)))


def learned(
    method: str,
    data: Transitions,
    updates: int,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    settling: int = 0,
) -> Learned:
    """Train one seed of a method.

    Args:
        method: its name.
        data: transitions of one step, actions in the plane.
        updates: how many.
        settings: hyper-parameters besides `SMALL`, whose names the method need not all know.
        seed: of parameters, batches and noise.
        settling: further updates at a tenth of the learning rate.
    """
    algorithm = ALGORITHMS[method]
    known = {each.name for each in fields(algorithm.config)}
    chosen = {name: value for name, value in {**SMALL, **(settings or {})}.items() if name in known}
    config = algorithm.config(**chosen)
    engine = _engine()(algorithm, config, PLANE, data, (seed,))
    state, _ = engine.run(engine.initial(), updates)
    if settling:
        config = algorithm.config(**{**chosen, "learning_rate": 0.1 * config.learning_rate})
        slower = _engine()(algorithm, config, PLANE, data, (seed,))
        state, _ = slower.run(slower.restore(engine.export(state)), settling)
        engine = slower
    return Learned(algorithm, config, engine, state)


def _engine() -> Any:
    """JAX, whose compiled loop is several times faster for networks of this size; else torch."""
    framework = "jax" if importlib.util.find_spec("jax") else "torch"
    return importlib.import_module(f"..backends.{framework}.engine", __package__).Engine


def _one_row() -> Transitions:
    nothing = np.zeros((1, 1), np.float32)
    flat = np.zeros(1, np.float32)
    return Transitions(nothing, np.zeros((1, 2), np.float32), nothing, flat, flat, flat + 1.0)
