"""Random Gaussian flows, critics and times, drawn for the closed-form checks."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from .backends import Array, Backend, kept
from .closed_forms import GaussianFlow

SEEDS = st.integers(0, 2**32 - 1)
MEANS = st.floats(-2.0, 2.0)


@st.composite
def gaussian_flows(draw: Any, low: float = 0.4, high: float = 2.5, actions: tuple[int, ...] = (1, 3)) -> GaussianFlow:
    """Flows to N(mean, std²) with every std in [low, high]."""
    action = draw(st.sampled_from(actions))
    return GaussianFlow(
        np.array(draw(st.lists(MEANS, min_size=action, max_size=action))),
        np.array(draw(st.lists(st.floats(low, high), min_size=action, max_size=action))),
    )


def slopes(flow: GaussianFlow, seed: int) -> NDArray[np.float64]:
    """A critic's slope c for each action of `flow`: size between 0.3 and 2, either sign."""
    rng = np.random.default_rng(seed)
    signed: NDArray[np.float64] = rng.uniform(0.3, 2.0, flow.mean.shape) * rng.choice([-1.0, 1.0], flow.mean.shape)
    return signed


@kept
def fast(backend: Backend, function: Callable[..., Any], *static: Any) -> Callable[..., Any]:
    """`function(backend, *static, *arrays)` as a function of its arrays, compiled once where there is a compiler.

    Networks and flows are handed in as arrays: a new closure for every example would be a new compilation.
    """
    return backend.compiled(functools.partial(function, backend, *static))


def kernel(backend: Backend, name: str) -> Callable[..., Any]:
    """A kernel that takes arrays alone, compiled."""
    return fast(backend, _call, name)


def _call(backend: Backend, name: str, *arrays: Array) -> Any:
    return getattr(backend.K, name)(*arrays)


def velocity_at(backend: Backend, flow: GaussianFlow, x: Array, t: Array) -> Array:
    """The velocity of a Gaussian flow, compiled once for all flows."""
    return fast(backend, _velocity)(*parameters(backend, flow), x, t)


def _velocity(backend: Backend, mean: Array, std: Array, x: Array, t: Array) -> Array:
    return GaussianFlow(mean, std).velocity(backend.xp)(x, t)


def parameters(backend: Backend, flow: GaussianFlow) -> tuple[Array, Array]:
    """Mean and std of a flow as arrays of `backend`."""
    return backend.array(flow.mean), backend.array(flow.std)


def normals(backend: Backend, seed: int, *shape: int) -> Array:
    """Standard normal values as an array of `backend`."""
    return backend.array(np.random.default_rng(seed).standard_normal(shape))


def times(backend: Backend, batch: tuple[int, ...], t: float) -> Array:
    """One time for every sample of a batch, shape (*batch, 1)."""
    return backend.array(np.full((*batch, 1), t))


def memoryless_variance(t: Any, h: float) -> Any:
    """Square of the released code's noise scale, 2 (1-t+h)/(t+h): QAM eq. 7 with its pole shifted by h."""
    return 2 * (1 - t + h) / (t + h)
