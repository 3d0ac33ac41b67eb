"""Networks declared as data, with their parameter shapes and initial values; engines apply them."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = Any
# Parameters of one network by name, and of all networks of a method by network name.
Tree = dict[str, Array]
Forest = dict[str, Tree]
Activation = Literal["gelu", "mish", "relu"]

LAYER_NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class Head:
    """A linear layer after the last hidden one; `scale` is the variance scale of its initial kernel."""

    name: str
    size: int
    scale: float = 1.0


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron: per hidden layer Dense → activation → LayerNorm if asked, then linear heads.

    Activations are GELU in its tanh form, mish x tanh(log(1 + eˣ)), or ReLU.

    It takes `len(inputs)` arrays, whose last axes have the sizes `inputs` and whose leading axes broadcast, and
    concatenates them. One head returns an array, several return a tuple in order. `members` makes an ensemble
    whose results lead with an axis of that size. `scalar` drops the last axis of every result.
    """

    inputs: tuple[int, ...]
    hidden: tuple[int, ...]
    heads: tuple[Head, ...]
    members: int | None = None
    layer_norm: bool = False
    scalar: bool = False
    activation: Activation = "gelu"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, the ensemble axis first."""
        lead = () if self.members is None else (self.members,)
        shapes: dict[str, tuple[int, ...]] = {}
        width = sum(self.inputs)
        for layer, size in enumerate(self.hidden):
            shapes[f"hidden_{layer}.kernel"] = (*lead, width, size)
            shapes[f"hidden_{layer}.bias"] = (*lead, size)
            if self.layer_norm:
                shapes[f"hidden_{layer}.norm_scale"] = (*lead, size)
                shapes[f"hidden_{layer}.norm_shift"] = (*lead, size)
            width = size
        for head in self.heads:
            shapes[f"{head.name}.kernel"] = (*lead, width, head.size)
            shapes[f"{head.name}.bias"] = (*lead, head.size)
        return shapes

    def initial(self, generator: np.random.Generator) -> Tree:
        """Glorot-uniform kernels (times the head's scale), zero biases, unit norms; float32."""
        return _glorot(self.shapes(), self.heads, generator)


@dataclass(frozen=True)
class ResidualNetwork:
    """Dense, then blocks x ← x + Dense(act(Dense(LayerNorm(x)))), then the activation and linear heads.

    Inputs and results are those of `Network` without members. A block widens to four times `width` inside.
    """

    inputs: tuple[int, ...]
    width: int
    blocks: int
    heads: tuple[Head, ...]
    activation: Activation = "gelu"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter."""
        width, wide = self.width, 4 * self.width
        shapes = {"enter.kernel": (sum(self.inputs), width), "enter.bias": (width,)}
        for block in range(self.blocks):
            shapes |= {f"widen_{block}.{norm}": (width,) for norm in ("norm_scale", "norm_shift")}
            shapes |= {f"widen_{block}.kernel": (width, wide), f"widen_{block}.bias": (wide,)}
            shapes |= {f"narrow_{block}.kernel": (wide, width), f"narrow_{block}.bias": (width,)}
        for head in self.heads:
            shapes |= {f"{head.name}.kernel": (width, head.size), f"{head.name}.bias": (head.size,)}
        return shapes

    def initial(self, generator: np.random.Generator) -> Tree:
        """As `Network.initial`."""
        return _glorot(self.shapes(), self.heads, generator)


def _glorot(shapes: Mapping[str, tuple[int, ...]], heads: tuple[Head, ...], generator: np.random.Generator) -> Tree:
    scales = {f"{head.name}.kernel": head.scale for head in heads}
    values: Tree = {}
    for name, shape in shapes.items():
        if name.endswith(".kernel"):
            limit = np.sqrt(6.0 * scales.get(name, 1.0) / (shape[-2] + shape[-1]))
            values[name] = generator.uniform(-limit, limit, shape).astype(np.float32)
        else:
            values[name] = np.full(shape, name.endswith(".norm_scale"), np.float32)
    return values


@dataclass(frozen=True)
class Parameter:
    """A learnable number or array of them, called without arguments; initially `value` plus `spread` × normals."""

    value: float
    shape: tuple[int, ...] = ()
    spread: float = 0.0

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the only parameter."""
        return {"value": self.shape}

    def initial(self, generator: np.random.Generator) -> Tree:
        """The declared value, spread as declared; float32."""
        drawn = self.value + self.spread * generator.standard_normal(self.shape)
        return {"value": np.asarray(drawn, np.float32)}


Declared = Network | ResidualNetwork | Parameter


def critic(observation: int, action: int, hidden: tuple[int, ...], members: int) -> Network:
    """Ensemble of action values Q(s, a) -> (members, ...), with layer norm."""
    return Network((observation, action), hidden, (Head("value", 1),), members, layer_norm=True, scalar=True)


def velocity(observation: int, action: int, hidden: tuple[int, ...]) -> Network:
    """Velocity field v(s, x, t) -> (..., action); the time enters as a raw number."""
    return Network((observation, action, 1), hidden, (Head("velocity", action),))


def one_step_actor(observation: int, action: int, hidden: tuple[int, ...]) -> Network:
    """Action from noise in one call, mu(s, z) -> (..., action)."""
    return Network((observation, action), hidden, (Head("action", action),))


def edit_actor(observation: int, action: int, hidden: tuple[int, ...]) -> Network:
    """Mean and log standard deviation of an edit of a given action, (s, a) -> two (..., action)."""
    return Network((observation, action), hidden, (Head("mean", action), Head("log_std", action)))


def state_value(observation: int, hidden: tuple[int, ...]) -> Network:
    """State value V(s) -> (...,), with layer norm."""
    return Network((observation,), hidden, (Head("value", 1),), layer_norm=True, scalar=True)


def initial_parameters(networks: Mapping[str, Declared], seed: int) -> Forest:
    """Initial parameters of every network, float32; each network has a stream of its own.

    The same seed gives the same parameters on every backend, and adding a network changes no other.
    """
    return {
        name: network.initial(np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(name.encode())])))
        for name, network in networks.items()
    }


def parameter_count(network: Declared) -> int:
    """Number of scalar parameters."""
    return sum(int(np.prod(shape)) for shape in network.shapes().values())
