"""A method at random: tiny networks, parameters, a batch with windows that leave their episode, and noise."""

from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.algorithm import Algorithm, Batch, Dimensions
from ..core.networks import Forest, initial_parameters

SIZES = Dimensions(observation=3, action=2)
SMALL = {"hidden": (4, 4), "critics": 2, "flow_steps": 3, "chunk": 1, "batch_size": 4, "learning_rate": 1e-3}


class MethodCase(NamedTuple):
    """Everything `loss_and_gradients` takes besides the name of the update, in float64."""

    algorithm: Algorithm
    config: Any
    dimensions: Dimensions
    online: Forest
    target: Forest
    batch: Batch
    noise: dict[str, NDArray[np.float64]]


def method_case(algorithm: Algorithm, seed: int, **changes: Any) -> MethodCase:
    """A case drawn from a seed; `changes` override the small configuration where the method has such a field."""
    known = {field.name for field in fields(algorithm.config)}
    settings = {name: value for name, value in {**SMALL, **changes}.items() if name in known}
    config = algorithm.config(**settings)
    declared = algorithm.declared(config, SIZES)
    rng = np.random.default_rng(seed)
    online = shaken(initial_parameters(declared, seed), rng)
    # Averages differ from the online parameters, or a confusion of the two would go unseen.
    target = {name: tree for name, tree in shaken(online, rng).items() if name in algorithm.averages}
    rows = config.batch_size
    batch = Batch(
        observations=rng.standard_normal((rows, SIZES.observation)),
        actions=rng.uniform(-1.0, 1.0, (rows, SIZES.action)),
        rewards=rng.standard_normal(rows),
        masks=rng.integers(0, 2, rows).astype(np.float64),
        valid=np.where(np.arange(rows) == seed % rows, 0.0, 1.0),
        next_observations=rng.standard_normal((rows, SIZES.observation)),
    )
    noise = {
        name: rng.random(entry.shape) if entry.kind == "uniform" else rng.standard_normal(entry.shape)
        for name, entry in algorithm.noise(config, SIZES, rows).items()
    }
    return MethodCase(algorithm, config, SIZES, online, target, batch, noise)


def shaken(forest: Forest, rng: np.random.Generator) -> Forest:
    """Every parameter moved a little, so that no bias is zero and no norm is one."""
    return {
        network: {
            name: np.asarray(value, np.float64) + 0.1 * rng.standard_normal(np.shape(value))
            for name, value in tree.items()
        }
        for network, tree in forest.items()
    }


def pinned(case: MethodCase) -> Algorithm:
    """The same method on this case's batch and noise, whatever the engine draws: engines then become comparable."""

    def on_this_case(loss: Any) -> Any:
        def fixed(K: Any, config: Any, models: Any, batch: Batch, noise: Any) -> Any:
            like = batch.actions
            constants = Batch(*(_as(K, value, like) for value in case.batch))
            return loss(K, config, models, constants, {name: _as(K, value, like) for name, value in case.noise.items()})

        return fixed

    updates = tuple(replace(update, loss=on_this_case(update.loss)) for update in case.algorithm.updates)
    return replace(case.algorithm, updates=updates)


def _as(K: Any, value: NDArray[Any], like: Any) -> Any:
    return K.xp.asarray(value.astype(np.float32), dtype=like.dtype)
