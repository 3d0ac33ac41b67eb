"""What an engine offers. Every backend has `Engine`, `loss_and_gradients` and `policy` with these signatures.

Parameter trees cross this border as NumPy arrays: `Forest` maps network name to parameter name to array.
A flat state maps "online/critic/hidden_0.kernel" and likewise "target/...", "adam_first/UPDATE/NETWORK/...",
"adam_second/UPDATE/NETWORK/..." to arrays with a leading seed axis, and "step" to an int64 number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .algorithm import Algorithm, Batch, Dimensions
from .errors import DataError, ShapeError, UsageError
from .networks import Forest

Precision = Literal["highest", "fast"]
FlatState = dict[str, npt.NDArray[Any]]
Policy = Callable[[npt.NDArray[Any], Mapping[str, npt.NDArray[Any]]], npt.NDArray[Any]]


class Transitions(NamedTuple):
    """A data set of N consecutive rows, float32.

    observations (N, S), actions (N, A), next_observations (N, S), rewards (N,), masks (N,) with 0 where the
    future is worth nothing, terminals (N,) with 1 on the last row of each episode.
    """

    observations: npt.NDArray[np.float32]
    actions: npt.NDArray[np.float32]
    next_observations: npt.NDArray[np.float32]
    rewards: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]
    terminals: npt.NDArray[np.float32]


def check_sizes(data: Transitions, dimensions: Dimensions, chunk: int) -> None:
    """Raise DataError unless the data have the sizes that a method was declared for."""
    found = Dimensions(data.observations.shape[-1], data.actions.shape[-1] * chunk)
    if found != dimensions:
        raise DataError(f"data and chunk {chunk} give sizes {found}, the method was declared for {dimensions}")


def filled_by(rows: Transitions, seeds: int, filled: int, room: int) -> int:
    """How many rows of experience each seed has with these, (S, n, ...), after the first `filled` of `room`.

    Raises:
        ShapeError, UsageError: as `Engine.write`.
    """
    shapes = [np.shape(part) for part in rows]
    count = rows.rewards.size // seeds
    if any(shape[:2] != (seeds, count) for shape in shapes):
        raise ShapeError(f"rows: expected leaves of shape ({seeds}, n, ...), got {shapes}")
    if filled + count > room:
        raise UsageError(f"rows: {count} more after {filled} do not fit the engine's room of {room}")
    return filled + count


class LossAndGradients(NamedTuple):
    """One loss of a method at given parameters: value, metrics and the gradient of every online network.

    `gradients` covers all networks: exactly zero where the update does not train.
    """

    loss: float
    metrics: dict[str, float]
    gradients: Forest


class Engine(Protocol):
    """Trains S seeds of one method at once on one device.

    Built as `Engine(algorithm, config, dimensions, data, seeds, precision="highest", device="cpu", varied=None,
    skip=False, room=0, balanced=False)`, where `seeds` is a sequence of S integers. Seed s starts from
    `initial_parameters(networks, s)` and draws its batches and noise from (s, step) alone, so that a seed's run depends
    neither on the other seeds nor on how the updates are split over calls. Windows start uniformly on {0..N-chunk}, or
    in episodes drawn uniformly where the algorithm is `by_episode`.

    With `skip` a loss that is not finite, or whose metrics or gradients are not, moves nothing of its seed in that
    update; the metric "skipped" is the mean number of such losses in an update.

    With `room` each seed has a buffer for so many rows of its own experience, empty at first, which `write` fills and
    from which windows are drawn beside the data's: all windows alike, or with `balanced` half of every batch from each
    as soon as there is one. None goes from one buffer into the other.

    With `varied` the engine trains a sweep: entry s replaces float hyper-parameters of seed s, all but `discount`, and
    a seed may come several times.
    """

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
    ) -> None: ...

    def initial(self) -> Any:
        """The state before the first update."""
        ...

    def run(self, state: Any, updates: int) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
        """Apply `updates` updates; returns the new state and each metric's mean over them, shape (S,).

        The old state must not be used afterwards: its buffers may be reused.
        """
        ...

    def load(self, data: Transitions) -> None:
        """Draw from other data from now on; experience stays.

        As many rows as before, and for a method `by_episode` as many episodes, compile nothing anew.

        Raises:
            DataError: observations or actions have other sizes.
        """
        ...

    def write(self, rows: Transitions) -> None:
        """Add consecutive rows of every seed's experience, leaves (S, n, ...); the last episode may go on later.

        What an update draws is a function of seed, step and the rows written before it.

        Raises:
            ShapeError: not rows of S seeds.
            UsageError: they are more than there is room for.
        """
        ...

    def forget(self, filled: int) -> None:
        """Go back to the first `filled` rows of every seed's experience; `write` then goes on after them."""
        ...

    def act(
        self, state: Any, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Actions (S, E, h·A) of every seed for observations (S, E, observation) and noise (S, E, ...)."""
        ...

    def behave(
        self, state: Any, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Like `act`, with the behaviour-cloning policy."""
        ...

    def drawn(self, step: int) -> tuple[Batch, dict[str, npt.NDArray[Any]]]:
        """Batch and noise of the update that comes after `step` others, NumPy arrays with a leading seed axis."""
        ...

    def finite(self, state: Any) -> npt.NDArray[np.bool_]:
        """Whether every parameter, average and moment of each seed is finite, (S,); NaN in one of them stays."""
        ...

    def export(self, state: Any) -> FlatState:
        """The whole state as NumPy arrays; `restore(export(state))` continues bit for bit."""
        ...

    def restore(self, flat: FlatState) -> Any:
        """The state that `export` described, written by this or by another backend."""
        ...


class LossFunction(Protocol):
    """`loss_and_gradients` of every backend: one update's loss at given parameters, batch and noise.

    The dtype of the parameters decides the precision (float64 in verification).
    """

    def __call__(
        self,
        algorithm: Algorithm,
        config: Any,
        dimensions: Dimensions,
        update: str,
        online: Forest,
        target: Forest,
        batch: Batch,
        noise: Mapping[str, npt.NDArray[Any]],
    ) -> LossAndGradients: ...


class PolicyFunction(Protocol):
    """`policy` of every backend: act with a parameter tree of one seed (no seed axis), NumPy in and out."""

    def __call__(
        self,
        algorithm: Algorithm,
        config: Any,
        dimensions: Dimensions,
        online: Forest,
        target: Forest,
        behaviour: bool = False,
    ) -> Policy: ...
