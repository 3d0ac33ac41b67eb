"""Trains several seeds of one method: their states and data on the device, the programs from `programs`."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from ...core.algorithm import Algorithm, Batch, Dimensions
from ...core.engine import FlatState, Precision, Transitions, check_sizes, filled_by
from ...core.errors import CheckpointError, MissingBackendError, UsageError
from ...core.hyper_parameters import configs_of, numbers, with_numbers
from ...core.networks import Forest, initial_parameters
from .batches import Windows, keys, windows
from .experience import Source, empty, shortened, written
from .losses import loss_and_gradients, policy
from .program_keys import Same, kernels
from .programs import Means, Recipe, compiled_policy, drawn, nothing_measured, seed_acting, side_by_side, together
from .updates import State, all_finite

__all__ = ["Engine", "loss_and_gradients", "policy"]

MATMUL = {"highest": "highest", "fast": "tensorfloat32"}


class Engine:
    """The JAX engine; its contract is `core.engine.Engine`."""

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        dimensions: Dimensions,
        data: Transitions,
        seeds: Sequence[int],
        precision: Precision = "highest",
        device: str = "cpu",
        varied: Sequence[Mapping[str, float]] | None = None,
        skip: bool = False,
        room: int = 0,
        balanced: bool = False,
    ) -> None:
        if precision not in MATMUL:
            raise UsageError(f"precision must be one of {sorted(MATMUL)}, got {precision!r}")
        if not seeds:
            raise UsageError("an engine needs at least one seed")
        check_sizes(data, dimensions, config.chunk)
        self._algorithm, self._config, self._dimensions = algorithm, config, dimensions
        self._seeds = tuple(int(seed) for seed in seeds)
        self._device = find_device(device)
        self._data = self._windows(data)
        self._room, self._filled = room, 0
        self._keys = keys(self._seeds, self._device)
        self._configs = configs_of(config, varied, len(self._seeds))
        # What differs is checked once: without a sweep all seeds share one config.
        self._distinct = [own for at, own in enumerate(self._configs) if own not in self._configs[:at]]
        each = [numbers(own) for own in self._configs]
        values = {name: np.array([own[name] for own in each], np.float32) for name in each[0]}
        self._numbers = jax.device_put(values, self._device)
        self._recipe = Recipe(
            Same(algorithm),
            with_numbers(config, dict.fromkeys(values, 0.0)),
            dimensions,
            MATMUL[precision],
            skip,
            balanced,
            kernels(),
        )
        self._train = side_by_side if self._device.platform == "cpu" else together
        groups = [len(self._seeds)] if self._train is together else [1] * len(self._seeds)
        self._sources = [Source(self._data, empty(self._data, group, room) if room else None) for group in groups]
        self._nothing: tuple[tuple[str, ...], Means] | None = None
        self._checked: set[bool] = set()

    def _windows(self, data: Transitions) -> Windows:
        config = self._config
        return windows(data, config.chunk, config.discount, self._device, self._algorithm.by_episode)

    def initial(self) -> State:
        """The state before the first update."""
        declared = [self._algorithm.declared(config, self._dimensions) for config in self._configs]
        forests = [initial_parameters(*each) for each in zip(declared, self._seeds, strict=True)]
        online: Forest = jax.tree.map(lambda *leaves: np.stack(leaves), *forests)
        moments = {
            update.name: jax.tree.map(np.zeros_like, {name: online[name] for name in update.trains})
            for update in self._algorithm.updates
        }
        target = {name: online[name] for name in self._algorithm.averages}
        return self._on_device(State(online, target, moments, moments, np.zeros((), np.int32)))

    def run(self, state: State, updates: int) -> tuple[State, dict[str, npt.NDArray[Any]]]:
        """Apply `updates` updates; see `core.engine.Engine.run`. The old state's buffers are reused.

        An update that runs every few steps is averaged over the steps in which it ran; without one, its metrics
        are left out.
        """
        if updates < 1:
            raise UsageError(f"updates must be at least 1, got {updates}")
        if self._nothing is None:
            arguments = (state, self._keys, self._sources[0])
            self._nothing, *_ = [nothing_measured(self._recipe, own, *arguments) for own in self._distinct]
        names, nothing = self._nothing
        state, means = self._train(self._recipe, state, nothing, self._numbers, self._keys, self._sources, updates)
        mean, counted = np.array(means.mean), np.any(np.asarray(means.count), axis=0)
        return state, {name: mean[:, at] for at, name in enumerate(names) if counted[at]}

    def load(self, data: Transitions) -> None:
        """Train on other data of the same sizes from now on; see `core.engine.Engine.load`."""
        check_sizes(data, self._dimensions, self._config.chunk)
        self._data = self._windows(data)
        self._sources = [source._replace(data=self._data) for source in self._sources]

    def write(self, rows: Transitions) -> None:
        """Add rows, (S, n, ...), to what the seeds have met; see `core.engine.Engine.write`."""
        self._filled = filled_by(rows, len(self._seeds), self._filled, self._room)
        share = len(self._seeds) // len(self._sources)
        for at, source in enumerate(self._sources):
            own = Transitions(*(np.asarray(part[at * share : (at + 1) * share], np.float32) for part in rows))
            self._sources[at] = source._replace(experience=written(source.experience, own))

    def forget(self, filled: int) -> None:
        """Keep only the first rows of what the seeds have met; see `core.engine.Engine.forget`."""
        self._filled = min(filled, self._filled)
        for at, source in enumerate(self._sources):
            if source.experience is not None:
                self._sources[at] = source._replace(experience=shortened(source.experience, filled))

    def act(
        self, state: State, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Actions (S, E, h·A) of every seed for observations (S, E, observation) and noise (S, E, ...)."""
        return self._call_policy(False, state, observations, noise)

    def behave(
        self, state: State, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Like `act`, with the behaviour-cloning policy."""
        return self._call_policy(True, state, observations, noise)

    def drawn(self, step: int) -> tuple[Batch, dict[str, npt.NDArray[Any]]]:
        """Batch and noise of update number `step`, as NumPy arrays with a leading seed axis."""
        return drawn(self._recipe, self._numbers, step, self._keys, self._sources)

    def finite(self, state: State) -> npt.NDArray[np.bool_]:
        """Whether every parameter, average and moment of each seed is finite, (S,)."""
        return np.array(_seeds_finite(tuple(state[:-1])))

    def export(self, state: State) -> FlatState:
        """The whole state as NumPy arrays of their own memory."""
        flat: FlatState = {"step": np.array(state.step, np.int64)}
        for part in ("online", "target", "adam_first", "adam_second"):
            flat |= {f"{part}/{path}": np.array(leaf) for path, leaf in _flatten(getattr(state, part)).items()}
        return flat

    def restore(self, flat: FlatState) -> State:
        """The state that `export` described.

        Raises:
            CheckpointError: an array is missing, unknown or shaped for other networks or another number of seeds.
        """
        expected = self._shapes()
        if wrong := sorted(expected.keys() ^ flat.keys()):
            raise CheckpointError(f"the state does not belong to {self._algorithm.name}: {wrong[0]!r} is not in both")
        for path, shape in expected.items():
            if np.shape(flat[path]) != shape:
                raise CheckpointError(f"{path} has shape {np.shape(flat[path])}, expected {shape}")
        parts: dict[str, Any] = {"online": {}, "target": {}, "adam_first": {}, "adam_second": {}}
        for path, leaf in flat.items():
            if path != "step":
                *parents, name = path.split("/")
                functools.reduce(lambda tree, key: tree.setdefault(key, {}), parents, parts)[name] = leaf
        return self._on_device(State(**parts, step=np.asarray(flat["step"], np.int32)))

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every array of a flat state."""
        declared = self._algorithm.declared(self._config, self._dimensions)
        parts = {"online": tuple(declared), "target": tuple(self._algorithm.averages)}
        for update in self._algorithm.updates:
            parts |= {f"adam_{moment}/{update.name}": update.trains for moment in ("first", "second")}
        return {"step": ()} | {
            f"{part}/{network}/{name}": (len(self._seeds), *shape)
            for part, names in parts.items()
            for network in names
            for name, shape in declared[network].shapes().items()
        }

    def _on_device(self, state: State) -> State:
        # Copied, because donated buffers must not be NumPy's memory.
        state = jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)
        return State(*jax.device_put(tuple(state), self._device))

    def _call_policy(
        self, behaviour: bool, state: State, observations: npt.NDArray[Any], noise: Mapping[str, Any]
    ) -> npt.NDArray[Any]:
        inputs = jax.device_put(
            jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), (observations, dict(noise))), self._device
        )
        arguments = (state.online, state.target, *inputs)
        if behaviour not in self._checked:
            # With the configs' own numbers, which the kernels check: the program knows them only as arguments.
            for config in self._distinct:
                jax.eval_shape(jax.vmap(seed_acting(self._recipe, config, behaviour)), *arguments)
            self._checked.add(behaviour)
        return np.asarray(compiled_policy(self._recipe, behaviour)(self._numbers, *arguments))


_seeds_finite = jax.jit(jax.vmap(all_finite))


def find_device(name: str) -> Any:
    """The device called "cpu", "cuda" or "cuda:1"."""
    kind, _, index = name.partition(":")
    try:
        return jax.devices("gpu" if kind == "cuda" else kind)[int(index or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        raise MissingBackendError(f"JAX has no device {name!r}: {error}") from error


def _flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for name, branch in tree.items():
        flat |= _flatten(branch, f"{prefix}/{name}" if prefix else name)
    return flat
