"""What several methods share, from the equations, in plain NumPy: nothing here is taken from a veloq kernel.

Everything accepts complex parameters, so that a derivative is the imaginary part of one evaluation.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = Any
Tree = Mapping[str, Array]
Forest = Mapping[str, Tree]

STEP = 1e-25


class Situation(NamedTuple):
    """What one loss is a function of.

    `live` and `held` are the same parameters; a derivative moves `live` alone, so each use says by its choice
    whether the gradient passes through it.
    """

    config: Any
    live: Forest
    held: Forest
    target: Forest
    batch: Any
    noise: Mapping[str, Array]


def output(tree: Tree, head: str, *inputs: Array, act: Callable[[Array], Array] | None = None) -> Array:
    """One head of a network `(..., size)`: per hidden layer Dense, GELU or `act`, LayerNorm; members lead."""
    act = act or gelu
    if tree[f"{head}.kernel"].ndim == 3:
        members = range(len(tree[f"{head}.kernel"]))
        return np.stack(
            [output({name: value[j] for name, value in tree.items()}, head, *inputs, act=act) for j in members]
        )
    x = joined(inputs)
    layer = 0
    while f"hidden_{layer}.kernel" in tree:
        x = act(x @ tree[f"hidden_{layer}.kernel"] + tree[f"hidden_{layer}.bias"])
        if f"hidden_{layer}.norm_scale" in tree:
            x = normed(tree, f"hidden_{layer}", x)
        layer += 1
    return x @ tree[f"{head}.kernel"] + tree[f"{head}.bias"]


def residual(tree: Tree, head: str, *inputs: Array, act: Callable[[Array], Array]) -> Array:
    """One head of a residual network: Dense, blocks that add Dense act Dense LayerNorm, act, Dense."""
    x = joined(inputs) @ tree["enter.kernel"] + tree["enter.bias"]
    block = 0
    while f"widen_{block}.kernel" in tree:
        wide = act(normed(tree, f"widen_{block}", x) @ tree[f"widen_{block}.kernel"] + tree[f"widen_{block}.bias"])
        x = x + wide @ tree[f"narrow_{block}.kernel"] + tree[f"narrow_{block}.bias"]
        block += 1
    return act(x) @ tree[f"{head}.kernel"] + tree[f"{head}.bias"]


def joined(inputs: Sequence[Array]) -> Array:
    """Arrays side by side in the last axis, leading axes broadcast."""
    lead = np.broadcast_shapes(*(np.shape(part)[:-1] for part in inputs))
    return np.concatenate([np.broadcast_to(part, (*lead, np.shape(part)[-1])) for part in inputs], axis=-1)


def normed(tree: Tree, layer: str, x: Array) -> Array:
    """LayerNorm with the scale and shift of a layer."""
    off = x - x.mean(axis=-1, keepdims=True)
    variance = (off**2).mean(axis=-1, keepdims=True)
    return off / np.sqrt(variance + 1e-6) * tree[f"{layer}.norm_scale"] + tree[f"{layer}.norm_shift"]


def mish(x: Array) -> Array:
    """x tanh(log(1 + eˣ))."""
    return x * np.tanh(np.log(1.0 + np.exp(x)))


def relu(x: Array) -> Array:
    """x where its real part is positive, else 0."""
    return np.where(np.real(x) > 0.0, x, 0.0)


def gelu(x: Array) -> Array:
    """x times the logistic function of 2 √(2/π) (x + 0.044715 x³), which is the tanh form."""
    return x / (1.0 + np.exp(-2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def critic(tree: Tree, s: Array, a: Array) -> Array:
    """Q_j(s, a), members first."""
    return output(tree, "value", s, a)[..., 0]


def velocity(tree: Tree, s: Array, x: Array, t: Any) -> Array:
    """v(s, x, t); t is a number or one for each sample."""
    return output(tree, "velocity", s, x, np.broadcast_to(t, (*x.shape[:-1], 1)))


def clipped(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """x between two numbers; a complex x outside loses its imaginary part."""
    return np.where(np.real(x) < low, low, np.where(np.real(x) > high, high, x))


def ode(tree: Tree, s: Array, z: Array, steps: int) -> Array:
    """Euler's endpoint of a flow that starts at z, clipped once at its end."""
    x = z
    for i in range(steps):
        x = x + velocity(tree, s, x, i / steps) / steps
    return clipped(x)


def slope(function: Callable[[Array], Array], x: Array) -> Array:
    """Gradient of every sample's number `function(x)` (...,) with respect to that sample `(..., A)`."""
    columns = []
    for d in range(x.shape[-1]):
        moved = x.astype(complex)
        moved[..., d] += 1j * STEP
        columns.append(function(moved).imag / STEP)
    return np.stack(columns, axis=-1)


def highest(candidates: Array, q: Array) -> Array:
    """The candidate (n, ..., A) of largest mean value, of q (K, n, ...)."""
    chosen = q.mean(axis=0).argmax(axis=0)
    return np.take_along_axis(candidates, chosen[None, ..., None], axis=0)[0]


def pessimistic_target(here: Situation, next_actions: Array) -> Array:
    """R + γ^h m (mean - ρ std) of the averaged critics; the standard deviation of the whole population."""
    config, batch = here.config, here.batch
    q = critic(here.target["critic"], batch.next_observations, next_actions)
    mean = sum(q) / len(q)
    std = np.sqrt(sum((each - mean) ** 2 for each in q) / len(q))
    future = batch.masks * (mean - config.rho * std)
    for _ in range(config.chunk):
        future = config.discount * future
    return batch.rewards + future
