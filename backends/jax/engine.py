"""Trains several seeds of one method: one compiled loop for all of them, the data on the device."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array, lax

from ...core.algorithm import Algorithm, Dimensions
from ...core.engine import FlatState, Precision, Transitions
from ...core.errors import CheckpointError, DataError, MissingBackendError, UsageError
from ...core.networks import Forest, initial_parameters
from .batches import Windows, draw_batch, draw_noise, keys, windows
from .losses import acting, loss_and_gradients, policy
from .updates import Counted, State, advance

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
    ) -> None:
        if precision not in MATMUL:
            raise UsageError(f"precision must be one of {sorted(MATMUL)}, got {precision!r}")
        if not seeds:
            raise UsageError("an engine needs at least one seed")
        _check_sizes(data, dimensions, config.chunk)
        self._algorithm, self._config, self._dimensions = algorithm, config, dimensions
        self._declared = algorithm.networks(config, dimensions)
        self._seeds = tuple(int(seed) for seed in seeds)
        self._matmul = MATMUL[precision]
        self._device = find_device(device)
        self._data = windows(data, config.chunk, config.discount, self._device)
        self._keys = keys(self._seeds, self._device)
        self._loop = jax.jit(self._traced_loop, donate_argnums=0)
        self._act = functools.cache(self._compiled_policy)

    def initial(self) -> State:
        """The state before the first update."""
        declared = self._algorithm.declared(self._config, self._dimensions)
        forests = [initial_parameters(declared, seed) for seed in self._seeds]
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
        state, measured = self._loop(state, self._keys, self._data, np.int32(updates))
        return state, {name: np.array(mean) for name, (mean, count) in measured.items() if np.any(count)}

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

    def _traced_loop(self, state: State, seed_keys: Array, data: Windows, updates: Array) -> tuple[State, Counted]:
        """Every seed's updates: one after another on a CPU, at once elsewhere.

        XLA's products on a CPU gain nothing from a seed axis, and around batched ones it transposes and copies: four
        seeds of QAM (256 x 3, four critics) at once take 1.5 times as long as in turn.
        """

        def run(state: State, key: Array) -> tuple[State, Counted]:
            return self._run_seed(state, key, data, updates)

        axes: Any = State._make((0, 0, 0, 0, None))
        if self._device.platform != "cpu":
            together: tuple[State, Counted] = jax.vmap(run, in_axes=(axes, 0), out_axes=(axes, 0))(state, seed_keys)
            return together
        done, means = lax.map(lambda seed: run(State(*seed[0], state.step), seed[1]), (state[:-1], seed_keys))
        return done._replace(step=state.step + updates), means

    def _run_seed(self, state: State, key: Array, data: Windows, updates: Array) -> tuple[State, Counted]:
        """The number of updates is traced: every call runs the same program, so splitting a run changes no bit."""
        shapes = jax.eval_shape(self._update, state, key, data)[1]
        zero: Counted = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        def body(_: Array, carry: tuple[State, Counted]) -> tuple[State, Counted]:
            state, means = carry
            state, measured = self._update(state, key, data)
            return state, {name: _running_mean(means[name], measured[name]) for name in measured}

        result: tuple[State, Counted] = lax.fori_loop(0, updates, body, (state, zero))
        return result

    def _update(self, state: State, key: Array, data: Windows) -> tuple[State, Counted]:
        """The update of one seed, without the seed axis."""
        config, algorithm = self._config, self._algorithm
        key = jax.random.fold_in(key, state.step)
        batch = draw_batch(data, key, config.batch_size, config.chunk)
        noise = draw_noise(algorithm.noise(config, self._dimensions, config.batch_size), key)
        with jax.default_matmul_precision(self._matmul):
            return advance(algorithm, config, self._declared, state, batch, noise)

    def _compiled_policy(self, behaviour: bool) -> Callable[..., Array]:
        act = acting(self._algorithm, self._config, self._dimensions, behaviour)

        def compute(online: Forest, target: Forest, observations: Array, noise: Mapping[str, Array]) -> Array:
            with jax.default_matmul_precision(self._matmul):
                actions: Array = jax.vmap(act)(online, target, observations, noise)
            return actions

        return jax.jit(compute)

    def _call_policy(
        self, behaviour: bool, state: State, observations: npt.NDArray[Any], noise: Mapping[str, Any]
    ) -> npt.NDArray[Any]:
        inputs = jax.device_put(
            jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), (observations, dict(noise))), self._device
        )
        return np.asarray(self._act(behaviour)(state.online, state.target, *inputs))


def find_device(name: str) -> Any:
    """The device called "cpu", "cuda" or "cuda:1"."""
    kind, _, index = name.partition(":")
    try:
        return jax.devices("gpu" if kind == "cuda" else kind)[int(index or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        raise MissingBackendError(f"JAX has no device {name!r}: {error}") from error


def _running_mean(before: tuple[Array, Array], measured: tuple[Array, Array]) -> tuple[Array, Array]:
    mean, count = before
    value, applied = measured
    count = count + applied
    return mean + applied * (value - mean) / jnp.maximum(count, 1), count


def _check_sizes(data: Transitions, dimensions: Dimensions, chunk: int) -> None:
    found = Dimensions(data.observations.shape[-1], data.actions.shape[-1] * chunk)
    if found != dimensions:
        raise DataError(f"data and chunk {chunk} give sizes {found}, the method was declared for {dimensions}")


def _flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for name, branch in tree.items():
        flat |= _flatten(branch, f"{prefix}/{name}" if prefix else name)
    return flat
