"""Applies the networks that core/networks.py declares; every operation accepts complex parameters and inputs."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.networks import LAYER_NORM_EPSILON, Declared, Network, Parameter, ResidualNetwork, Tree
from .precision import Array

Applied = Callable[..., Any]


def bind(declared: Declared, parameters: Mapping[str, Array]) -> Applied:
    """A declared network as a function of its inputs alone.

    Args:
        declared: from an algorithm's `networks`.
        parameters: its parameter tree.

    Returns:
        For a network, `f(*inputs)`: one array, or one per head, as its docstring says; for a `Parameter`, a
        function without arguments that returns its value.
    """
    if isinstance(declared, Parameter):
        return lambda: parameters["value"]
    if isinstance(declared, ResidualNetwork):
        return lambda *inputs: _alone(residual_perceptron(declared, parameters, concatenated(inputs)))
    network = declared

    def apply(*inputs: Array) -> Any:
        results = _ensemble(network, parameters, concatenated(inputs))
        if network.scalar:
            results = [result[..., 0] for result in results]
        return _alone(results)

    return apply


def _alone(results: list[Array]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


def concatenated(inputs: tuple[Array, ...]) -> Array:
    """Inputs side by side in the last axis, each repeated over the leading axes that it lacks."""
    batch = np.broadcast_shapes(*(value.shape[:-1] for value in inputs))
    return np.concatenate([np.broadcast_to(value, (*batch, value.shape[-1])) for value in inputs], axis=-1)


def _ensemble(network: Network, parameters: Mapping[str, Array], x: Array) -> list[Array]:
    if network.members is None:
        return perceptron(network, parameters, x)
    heads: list[list[Array]] = [[] for _ in network.heads]
    for member in range(network.members):
        own: Tree = {name: value[member] for name, value in parameters.items()}
        for results, result in zip(heads, perceptron(network, own, x), strict=True):
            results.append(result)
    return [np.stack(results) for results in heads]


def perceptron(network: Network, parameters: Mapping[str, Array], x: Array) -> list[Array]:
    """The multilayer perceptron of one ensemble member.

    Args:
        network: its declaration.
        parameters: the member's own, without an ensemble axis.
        x: concatenated inputs `(..., sum of input sizes)`.

    Returns:
        One array `(..., size)` per head.
    """
    for layer in range(len(network.hidden)):
        # Dense, then the activation, then the norm
        x = ACTIVATIONS[network.activation](_dense(parameters, f"hidden_{layer}", x))
        if network.layer_norm:
            x = _norm(parameters, f"hidden_{layer}", x)
    return [_dense(parameters, head.name, x) for head in network.heads]


def residual_perceptron(network: ResidualNetwork, parameters: Mapping[str, Array], x: Array) -> list[Array]:
    """The residual network, one array `(..., size)` per head; arguments as of `perceptron`."""
    activation = ACTIVATIONS[network.activation]
    x = _dense(parameters, "enter", x)
    for block in range(network.blocks):
        inside = activation(_dense(parameters, f"widen_{block}", _norm(parameters, f"widen_{block}", x)))
        x = x + _dense(parameters, f"narrow_{block}", inside)
    return [_dense(parameters, head.name, activation(x)) for head in network.heads]


def _norm(parameters: Mapping[str, Array], name: str, x: Array) -> Array:
    return parameters[f"{name}.norm_scale"] * normalized(x) + parameters[f"{name}.norm_shift"]


def _dense(parameters: Mapping[str, Array], name: str, x: Array) -> Array:
    return x @ parameters[f"{name}.kernel"] + parameters[f"{name}.bias"]


def gelu(x: Array) -> Array:
    """Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016).

    >>> print(gelu(np.array([-1.0, 0.0, 1.0])).round(6))
    [-0.158808  0.        0.841192]
    """
    # ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
    return np.asarray(0.5 * x * (1.0 + np.tanh(inner)))


def mish(x: Array) -> Array:
    """x tanh(log(1 + eˣ)) (Misra 2019).

    >>> print(mish(np.array([-1.0, 0.0, 1.0])).round(6))
    [-0.303401  0.        0.865098]
    """
    # tanh(log(1 + w)) = (w² + 2w)/(w² + 2w + 2) with w = eˣ; beyond 20 it is 1 to rounding
    w = np.exp(np.where(np.real(x) > 20.0, 20.0, x))
    return np.asarray(x * (w * w + 2.0 * w) / (w * w + 2.0 * w + 2.0))


def relu(x: Array) -> Array:
    """x where it is positive, else 0; a complex step passes where the real part is positive.

    >>> print(relu(np.array([-1.0, 0.0, 2.0])))
    [0. 0. 2.]
    """
    return np.where(np.real(x) > 0.0, x, 0.0)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"gelu": gelu, "mish": mish, "relu": relu}


def normalized(x: Array) -> Array:
    """Every vector of the last axis with mean 0 and variance 1 (Ba et al. 2016)."""
    # (x - E x)/√(E (x - E x)² + ε), squares without absolute values so that complex steps pass
    centred = x - np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
    variance = np.sum(centred * centred, axis=-1, keepdims=True) / x.shape[-1]
    return np.asarray(centred / np.sqrt(variance + LAYER_NORM_EPSILON))
