"""Training of S seeds at once: data, parameters and noise on the device, no host synchronisation in the loop."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.algorithm import Act, Algorithm, Average, Batch, Dimensions, Update
from ...core.engine import FlatState, Precision, Transitions, check_sizes, filled_by
from ...core.errors import CheckpointError, UsageError
from ...core.hyper_parameters import configs_of
from ...core.networks import initial_parameters
from .. import torch as kernels
from .batches import Draws, Windows
from .experience import Experience
from .losses import functional_gradients_of, gradients_of, in_turn, models_of, of_seed
from .meter import Meter
from .networks import Forest
from .optimiser import adam, clip_per_seed, due, leaves, move_average, set_gradients
from .recording import CudaGraphs, Recordings
from .single import loss_and_gradients, policy
from .skipping import sound_seeds, unchanged_unless

__all__ = ["Engine", "State", "loss_and_gradients", "policy"]

Parameters = dict[str, dict[str, Tensor]]


@dataclass
class State:
    """Parameters, averages and Adam moments with a leading seed axis, updated in place; `step` counts updates."""

    online: Parameters
    target: Parameters
    first: dict[str, Parameters]
    second: dict[str, Parameters]
    step: int
    optimisers: dict[str, torch.optim.Adam] = field(default_factory=dict)
    recordings: Recordings | None = None


PRECISIONS = get_args(Precision)
# When averages move: by the parameters from before an update's steps, or by those from after them.
MOMENTS = ("before", "after")


@contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Float32 products in full, or ("fast") in TF32 on a GPU and bfloat16 on a CPU that has it."""
    before = torch.get_float32_matmul_precision()
    fast = "high" if device.type == "cuda" else "medium"
    torch.set_float32_matmul_precision(fast if precision == "fast" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Engine:
    """Trains S seeds of one method at once on one device; see `core.engine.Engine`.

    Args:
        algorithm: the method.
        config: its hyper-parameters.
        dimensions: sizes of observation and action chunk.
        data: the data set.
        seeds: one integer for each run.
        precision: "highest" is float32 throughout, "fast" rounds the inputs of matrix products.
        device: a torch device.
        compile: hand the loss and its gradients to torch.compile.
        cuda_graphs: record what an update does to its batch, and play it; a choice of CUDA devices.
        varied: float hyper-parameters of each seed, in place of the config's; such seeds train one after another.
        skip: let nothing of a seed move by a loss that is not finite, or whose metrics or gradients are not.
        room: rows of each seed's own experience, which `write` fills.
        balanced: draw half of every batch from that, where it holds a window.

    Raises:
        DataError: the data set is shorter than one chunk.
        UsageError: no seed was given, there is no such precision, `varied` does not fit, or `cuda_graphs` elsewhere.
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
        compile: bool = False,
        cuda_graphs: bool = False,
        varied: Sequence[Mapping[str, float]] | None = None,
        skip: bool = False,
        room: int = 0,
        balanced: bool = False,
    ) -> None:
        if not seeds:
            raise UsageError("an engine needs at least one seed")
        if precision not in PRECISIONS:
            raise UsageError(f"precision must be one of {list(PRECISIONS)}, got {precision!r}")
        self.algorithm, self.config, self.dimensions = algorithm, config, dimensions
        self.seeds, self.precision, self.device = tuple(seeds), precision, torch.device(device)
        if cuda_graphs and self.device.type != "cuda":
            raise UsageError(f"cuda_graphs is a choice of CUDA devices, not of {device!r}")
        self._configs = configs_of(config, varied, len(self.seeds))
        self._alike = all(own == config for own in self._configs)
        self._skip = skip
        self._declared = algorithm.networks(config, dimensions)
        noise = algorithm.noise(config, dimensions, config.batch_size)
        self._draws = Draws(noise, self.seeds, self.device)
        self._recorder: Any = CudaGraphs(self._draws.generators) if cuda_graphs else None
        self._room = room
        windows = self._windows(data)
        self._experience = Experience(len(self.seeds), room, windows, config.discount, balanced)
        self._gradients = {update.name: self._prepare(update, compile) for update in algorithm.updates}
        self._norms = {update.name: self._norm(update) for update in algorithm.updates}
        self._rates = {name: self._rate(average) for name, average in algorithm.averages.items()}

    def _windows(self, data: Transitions) -> Windows:
        return Windows(data, self.config.chunk, self.config.discount, self.device, self.algorithm.by_episode)

    def _prepare(self, update: Update, compile: bool) -> Any:
        # One seed without vmap in plain autograd is the fastest eager form; the others need a pure function.
        single = len(self.seeds) == 1
        build = gradients_of if (single or not self._alike) and not compile else functional_gradients_of
        each = [build(self.algorithm, own, self.dimensions, update) for own in self._configs]
        if not self._alike:
            return in_turn([torch.compile(one) for one in each] if compile else each)
        gradients = each[0] if single else torch.func.vmap(each[0])
        return torch.compile(gradients) if compile else gradients

    def initial(self) -> State:
        """The state before the first update."""
        declared = [self.algorithm.declared(own, self.dimensions) for own in self._configs]
        forests = [initial_parameters(*each) for each in zip(declared, self.seeds, strict=True)]
        online = {
            network: {name: self._tensor(np.stack([forest[network][name] for forest in forests])) for name in tree}
            for network, tree in forests[0].items()
        }
        target = {network: {k: v.clone() for k, v in online[network].items()} for network in self.algorithm.averages}
        return self._assembled(State(online, target, self._zeros(online), self._zeros(online), 0))

    def _zeros(self, online: Parameters) -> dict[str, Parameters]:
        return {
            update.name: {n: {k: torch.zeros_like(v) for k, v in online[n].items()} for n in update.trains}
            for update in self.algorithm.updates
        }

    def _assembled(self, state: State) -> State:
        for update in self.algorithm.updates:
            parameters = leaves(state.online, update.trains)
            first = leaves(state.first[update.name], update.trains)
            second = leaves(state.second[update.name], update.trains)
            applied = update.applied(self.config, state.step)
            rates = [update.rate(own) for own in self._configs]
            state.optimisers[update.name] = adam(parameters, first, second, applied, rates)
        return state

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.tensor(array, device=self.device)

    def run(self, state: State, updates: int) -> tuple[State, dict[str, npt.NDArray[Any]]]:
        """Apply `updates` updates; returns the state and each metric's mean over them, shape (S,).

        An update that runs every few steps is averaged over the steps in which it ran.
        """
        meter = Meter()
        online, target = self._without_axis(state.online), self._without_axis(state.target)
        with matmul_precision(self.precision, self.device):
            for _ in range(updates):
                self._advance(state, online, target, meter)
        return state, meter.means(len(self.seeds))

    def _advance(self, state: State, online: Forest, target: Forest, meter: Meter) -> None:
        """One update in place; every loss sees the parameters from before it."""
        active = [update for update in self.algorithm.updates if update.due(self.config, state.step)]
        averages = self.algorithm.averages.items()
        moved = [[name for name, average in averages if due(average, when, state.step)] for when in MOMENTS]

        def update(drawn: tuple[Batch, dict[str, Tensor]]) -> dict[str, Any]:
            return self._change(state, online, target, active, moved, drawn)

        if self._recorder is None:
            results = update(self._sample(state.step))
        else:
            key = (*(one.name for one in active), *map(tuple, moved))
            results = self._recorded(state, key, update)
        for name, (metrics, sound) in results.items():
            meter.add(name, metrics, sound)
        meter.skipped({name: sound for name, (_, sound) in results.items()})
        state.step += 1

    def _change(
        self,
        state: State,
        online: Forest,
        target: Forest,
        active: Sequence[Update],
        moved: Sequence[Sequence[str]],
        drawn: tuple[Batch, dict[str, Tensor]],
    ) -> dict[str, tuple[dict[str, Tensor], Tensor | None]]:
        """All that an update does on the device: of each loss its metrics and which seeds are sound."""
        results: dict[str, tuple[dict[str, Tensor], Tensor | None]] = {}
        for update in active:
            loss, metrics, gradients = self._gradients[update.name](online, target, *drawn)
            sound = sound_seeds(len(self.seeds), (loss, metrics, gradients)) if self._skip else None
            self._hand_over(state, update, gradients)
            results[update.name] = metrics, sound
        before, after = moved
        self._average(state, before)
        for update in active:
            self._step(state, update, results[update.name][1])
        self._average(state, after)
        return results

    def _step(self, state: State, update: Update, sound: Tensor | None) -> None:
        """Adam, which leaves the seeds that are not sound as they were."""
        optimiser = state.optimisers[update.name]
        if sound is None:
            optimiser.step()
            return
        forests = (state.online, state.first[update.name], state.second[update.name])
        with unchanged_unless(sound, [value for forest in forests for value in leaves(forest, update.trains)]):
            optimiser.step()

    def _recorded(self, state: State, key: Hashable, update: Callable[[Any], dict[str, Any]]) -> Any:
        """An update by its recording, which draws its own batch and noise, in memory that does not move."""
        data = self._experience.data
        if state.recordings is None or state.recordings.data is not data:
            state.recordings = Recordings(self._recorder, data)
        self._draws.begin(state.step)
        # A recording keeps the numbers below which it draws, and experience grows; a permutation may ask the host.
        if self._room or data.episodes is not None:
            return state.recordings(key, update, self._draw())
        return state.recordings(key, lambda _: update(self._draw()), ())

    def _sample(self, step: int) -> tuple[Batch, dict[str, Tensor]]:
        self._draws.begin(step)
        return self._draw()

    def _draw(self) -> tuple[Batch, dict[str, Tensor]]:
        ranges = self._experience.ranges(self.config.batch_size)
        starts, noise = self._draws.draw(ranges, self._experience.data)
        return self._experience.batch(starts), noise

    def _hand_over(self, state: State, update: Update, gradients: Parameters) -> None:
        """Give the gradients, clipped, to the parameters as the optimiser expects them."""
        parameters = leaves(state.online, update.trains)
        flat = [g.reshape(p.shape) for p, g in zip(parameters, leaves(gradients, update.trains), strict=True)]
        if (norm := self._norms[update.name]) is not None:
            clip_per_seed(flat, norm)
        set_gradients(state.optimisers[update.name], flat)

    def _average(self, state: State, names: Sequence[str]) -> None:
        for name in names:
            move_average(state.target[name], state.online[name], self._rates[name])

    def _numbers(self, each: Sequence[float]) -> Tensor | float:
        """One number for all seeds where theirs are equal, else one for each."""
        return each[0] if len(set(each)) == 1 else torch.tensor(each, dtype=torch.float32, device=self.device)

    def _rate(self, average: Average) -> Tensor | float:
        """How far an average moves."""
        return self._numbers([getattr(own, average.rate) for own in self._configs])

    def _norm(self, update: Update) -> Tensor | float | None:
        """The largest norm of a loss's gradients; None where they are not clipped."""
        norms = [norm for own in self._configs if (norm := update.norm(own)) is not None]
        return self._numbers(norms) if norms else None

    def _without_axis(self, forest: Parameters) -> Forest:
        """Views without the seed axis where there is one seed, which then runs without vmap."""
        if len(self.seeds) > 1:
            return forest
        return of_seed(forest, 0)

    def load(self, data: Transitions) -> None:
        """Train on other data of the same sizes from now on; see `core.engine.Engine.load`."""
        check_sizes(data, self.dimensions, self.config.chunk)
        self._experience.data = self._windows(data)

    def write(self, rows: Transitions) -> None:
        """Add rows, (S, n, ...), to what the seeds have met; see `core.engine.Engine.write`."""
        self._experience.write(rows, filled_by(rows, len(self.seeds), self._experience.filled, self._room))

    def forget(self, filled: int) -> None:
        """Keep only the first rows of what the seeds have met; see `core.engine.Engine.forget`."""
        self._experience.filled = min(filled, self._experience.filled)

    def act(
        self, state: State, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Actions (S, E, h·A) of every seed for observations (S, E, observation) and noise (S, E, ...)."""
        return self._decide(self.algorithm.act, state, observations, noise)

    def behave(
        self, state: State, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Like `act`, with the behaviour-cloning policy."""
        if self.algorithm.behaviour is None:
            raise UsageError(f"{self.algorithm.name} trains no behaviour policy")
        return self._decide(self.algorithm.behaviour, state, observations, noise)

    def _decide(
        self, act: Act, state: State, observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        s = self._tensor(np.asarray(observations, np.float32))
        drawn = {name: self._tensor(np.asarray(value, np.float32)) for name, value in noise.items()}
        actions = []
        with torch.no_grad(), matmul_precision(self.precision, self.device):
            # Seed by seed: a policy may use operations that vmap does not know (moveaxis among them).
            for seed in range(len(self.seeds)):
                online, target = of_seed(state.online, seed), of_seed(state.target, seed)
                models = models_of(self._declared, {}, online, target)
                own = {name: value[seed] for name, value in drawn.items()}
                actions.append(act(kernels, self._configs[seed], models, s[seed], own))
            return np.asarray(torch.stack(actions).cpu().numpy())

    def drawn(self, step: int) -> tuple[Batch, dict[str, npt.NDArray[Any]]]:
        """Batch and noise of update number `step`, as NumPy arrays with a leading seed axis."""
        batch, noise = self._sample(step)
        single = len(self.seeds) == 1

        def array(value: Tensor) -> npt.NDArray[Any]:
            return np.asarray((value[None] if single else value).cpu().numpy())

        return Batch(*map(array, batch)), {name: array(value) for name, value in noise.items()}

    def finite(self, state: State) -> npt.NDArray[np.bool_]:
        """Whether every parameter, average and moment of each seed is finite, (S,)."""
        return np.asarray(sound_seeds(len(self.seeds), [forest for _, forest in self._sections(state)]).cpu().numpy())

    def export(self, state: State) -> FlatState:
        """The whole state as NumPy arrays; `restore(export(state))` continues bit for bit."""
        flat: FlatState = {"step": np.asarray(state.step, np.int64)}
        for prefix, forest in self._sections(state):
            for network, tree in forest.items():
                for name, value in tree.items():
                    flat[f"{prefix}/{network}/{name}"] = value.detach().cpu().numpy().copy()
        return flat

    def _sections(self, state: State) -> Iterator[tuple[str, Parameters]]:
        yield "online", state.online
        yield "target", state.target
        for update in self.algorithm.updates:
            yield f"adam_first/{update.name}", state.first[update.name]
            yield f"adam_second/{update.name}", state.second[update.name]

    def restore(self, flat: FlatState) -> State:
        """The state that `export` described, written by this or by another backend."""
        state = self.initial()
        with torch.no_grad():
            for prefix, forest in self._sections(state):
                for network, tree in forest.items():
                    for name, value in tree.items():
                        value.copy_(self._expected(flat, f"{prefix}/{network}/{name}", value))
        state.step = int(flat["step"])
        return self._assembled(state)

    def _expected(self, flat: FlatState, key: str, like: Tensor) -> Tensor:
        if key not in flat:
            raise CheckpointError(f"the state has no array {key!r}")
        if flat[key].shape != tuple(like.shape):
            raise CheckpointError(f"{key} has shape {flat[key].shape}, expected {tuple(like.shape)}")
        return self._tensor(flat[key])
