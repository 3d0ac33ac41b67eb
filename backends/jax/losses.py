"""One loss and one policy at given parameters, NumPy in and out: what verification and evaluation call."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from ...core.algorithm import Algorithm, Batch, Dimensions
from ...core.engine import LossAndGradients, Policy
from ...core.errors import DTypeError
from ...core.networks import Forest
from .. import jax as K
from .program_keys import Same, kernels
from .updates import loss_and_gradient, models


@functools.lru_cache(maxsize=256)
def _compiled_loss(
    algorithm: Same[Algorithm], config: Any, dimensions: Dimensions, update: str, kernels: tuple[Any, ...]
) -> Callable[..., Any]:
    declared = algorithm.value.networks(config, dimensions)
    chosen = algorithm.value.update(update)

    def compute(online: Forest, target: Forest, batch: Batch, noise: Mapping[str, Any]) -> Any:
        with jax.default_matmul_precision("highest"):
            result, gradient = loss_and_gradient(chosen, config, declared, online, target, batch, noise)
        return result, {**jax.tree.map(jnp.zeros_like, online), **gradient}

    return jax.jit(compute)


def loss_and_gradients(
    algorithm: Algorithm,
    config: Any,
    dimensions: Dimensions,
    update: str,
    online: Forest,
    target: Forest,
    batch: Batch,
    noise: Mapping[str, npt.NDArray[Any]],
) -> LossAndGradients:
    """Value, metrics and gradients of one update's loss, in the dtype of the parameters.

    Raises:
        UsageError: the method has no such update.
        DTypeError: float64 parameters while JAX's x64 flag is off.
    """
    dtype = np.result_type(*jax.tree.leaves(online))
    if jnp.zeros((), jax.dtypes.canonicalize_dtype(dtype)).dtype != dtype:
        raise DTypeError(f"parameters are {dtype}, but JAX computes in 32 bits; set jax_enable_x64")
    target = {name: target[name] for name in algorithm.averages}
    online, target, batch, noise = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype), (online, target, batch, dict(noise))
    )
    compute = _compiled_loss(Same(algorithm), config, dimensions, update, kernels())
    (loss, metrics), gradients = compute(online, target, batch, noise)
    return LossAndGradients(
        float(loss),
        {name: float(metric) for name, metric in metrics.items()},
        jax.tree.map(np.asarray, gradients),
    )


def acting(
    algorithm: Algorithm, config: Any, dimensions: Dimensions, behaviour: bool
) -> Callable[[Forest, Forest, Any, Mapping[str, Any]], Any]:
    """How the method acts, or its behaviour policy, as a function of parameters, observations and noise."""
    act = algorithm.policy(behaviour)
    declared = algorithm.networks(config, dimensions)
    return lambda online, target, observations, noise: act(
        K, config, models(declared, online, target), observations, noise
    )


@functools.lru_cache(maxsize=256)
def _compiled_policy(
    algorithm: Same[Algorithm], config: Any, dimensions: Dimensions, behaviour: bool, kernels: tuple[Any, ...]
) -> Callable[..., Any]:
    act = acting(algorithm.value, config, dimensions, behaviour)

    def compute(online: Forest, target: Forest, observations: Any, noise: Mapping[str, Any]) -> Any:
        with jax.default_matmul_precision("highest"):
            return act(online, target, observations, noise)

    return jax.jit(compute)


def policy(
    algorithm: Algorithm,
    config: Any,
    dimensions: Dimensions,
    online: Forest,
    target: Forest,
    behaviour: bool = False,
) -> Policy:
    """A function from observations (..., S) and noise to actions (..., h·A) with the given parameters.

    Raises:
        UsageError: `behaviour` is asked of a method that trains no such policy.
    """
    compute = _compiled_policy(Same(algorithm), config, dimensions, behaviour, kernels())
    online, target = jax.tree.map(jnp.asarray, (online, {name: target[name] for name in algorithm.averages}))
    dtype = jnp.result_type(*jax.tree.leaves(online))

    def call(observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        inputs = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (observations, dict(noise)))
        return np.asarray(compute(online, target, *inputs))

    return call
