"""Training in the style of the released scripts, to compare with: the same update, another way of running it.

One seed. Every step draws its batch in NumPy on the host, sends it to the device and is dispatched alone: one call
of a jitted step in JAX, one eager autograd step in PyTorch. The update itself is the library's: the method's losses,
its noise, Adam and the target averages. So a ratio to this control says what sampling on the device and many
updates per dispatch are worth, and nothing about the losses.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..backends.torch.batches import Described, Windows
from ..backends.torch.engine import Engine as TorchEngine
from ..core.algorithm import Batch
from ..core.engine import Transitions
from . import place
from .sizes import Problem, advanced

Starts = Callable[[int], npt.NDArray[np.int64]]


class HostWindows:
    """The data set in NumPy; its windows are reduced beforehand, as the released samplers do."""

    def __init__(self, data: Transitions, chunk: int, discount: float) -> None:
        # Torch tensors on the CPU lend their memory to NumPy.
        windows = Windows(data, chunk, discount, torch.device("cpu"))
        self.count = windows.count
        self._columns = Transitions(*(column.numpy() for column in windows.columns))
        self._described = [part.numpy() for part in windows.described]
        self._steps = windows.steps.numpy()
        size = data.actions.shape[1]
        self._actions = np.lib.stride_tricks.sliding_window_view(self._columns.actions.ravel(), chunk * size)[::size]

    def batch(self, starts: npt.NDArray[np.int64]) -> Batch:
        """The windows that start at these rows, each field gathered by NumPy."""
        found: Any = Described._make(part[starts] for part in self._described)
        return Batch(
            observations=self._columns.observations[starts],
            actions=self._actions[starts],
            rewards=found.rewards,
            masks=found.masks,
            valid=found.valid,
            next_observations=self._columns.next_observations[found.last],
            valid_steps=(self._steps <= (found.last - starts)[:, None]).astype(np.float32),
            next_actions=self._actions[found.next_starts],
            next_valid=found.next_valid,
        )


def drawn(windows: HostWindows, batch_size: int) -> Starts:
    """Window starts from one NumPy generator, whatever the step."""
    rng = np.random.default_rng(0)
    return lambda step: rng.integers(windows.count, size=batch_size)


class JaxControl:
    """One jitted call per step."""

    def __init__(self, problem: Problem, starts: Starts | None = None) -> None:
        import jax

        from ..backends.jax.batches import draw_noise
        from ..backends.jax.engine import MATMUL, find_device
        from ..backends.jax.updates import State, advance

        algorithm, config, dimensions = problem.algorithm, problem.config, problem.dimensions
        declared = algorithm.networks(config, dimensions)
        noise = algorithm.noise(config, dimensions, config.batch_size)
        self._device = find_device(place.device())
        self._windows = HostWindows(problem.data, config.chunk, config.discount)
        self._starts = starts or drawn(self._windows, config.batch_size)

        def step(state: State, batch: Batch, key: Any) -> Any:
            key = jax.random.fold_in(key, state.step)
            with jax.default_matmul_precision(MATMUL[place.precision()]):
                return advance(algorithm, config, declared, state, batch, draw_noise(noise, key))

        self._step = jax.jit(step)

    def run(self, state: Any, updates: int, key: Any, first: int) -> Any:
        """The state after `updates` more updates, of which the first is number `first`."""
        import jax

        for index in range(first, first + updates):
            batch = jax.device_put(self._windows.batch(self._starts(index)), self._device)
            state, _ = self._step(state, batch, key)
        return jax.block_until_ready(state)


class TorchControl(TorchEngine):
    """The engine of one seed, eager, with its batches from the host."""

    def __init__(self, problem: Problem, starts: Starts | None = None) -> None:
        super().__init__(
            problem.algorithm,
            problem.config,
            problem.dimensions,
            problem.data,
            (0,),
            place.precision(),
            place.device(),
        )
        self._host = HostWindows(problem.data, problem.config.chunk, problem.config.discount)
        self._starts = starts or drawn(self._host, problem.config.batch_size)

    def _sample(self, step: int) -> Any:
        self._draws.begin(step)
        _, noise = self._draws.draw([(self._host.count, self.config.batch_size)])
        batch = self._host.batch(self._starts(step))
        return Batch(*(torch.from_numpy(field).to(self.device) for field in batch)), noise


def first_seed(state: Any) -> Any:
    """A JAX engine's state of its first seed, without the seed axis."""
    import jax

    return type(state)(*(jax.tree.map(lambda leaf: leaf[0], part) for part in state[:-1]), state.step)


def control(problem: Problem, backend: str, starts: Starts | None = None) -> Callable[[int], dict[str, Any]]:
    """A function that runs so many more updates and returns the online parameters, from seed 0's first state."""
    step = problem.begun()
    if backend == "torch":
        runner = TorchControl(problem, starts)
        held = [advanced(runner, step)]

        def run_torch(updates: int) -> dict[str, Any]:
            held[0], _ = runner.run(held[0], updates)
            return {network: {k: v[0] for k, v in tree.items()} for network, tree in held[0].online.items()}

        return run_torch

    from ..backends.jax.batches import keys
    from ..backends.jax.engine import find_device

    single, number = [first_seed(advanced(problem.engine("jax", 1), step))], [step]
    compiled, key = JaxControl(problem, starts), keys((0,), find_device(place.device()))[0]

    def run_jax(updates: int) -> dict[str, Any]:
        single[0] = compiled.run(single[0], updates, key, number[0])
        number[0] += updates
        return dict(single[0].online)

    return run_jax
