"""Runs an Algorithm record in NumPy float64: acts from a parameter tree, and differentiates losses by complex step."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.algorithm import Algorithm, Batch, Dimensions, Models
from ..core.engine import LossAndGradients, Policy
from ..core.networks import Forest
from .derivatives import gradient, map_tree
from .networks import bind
from .precision import stop_gradient


def loss_and_gradients(
    algorithm: Algorithm,
    config: Any,
    dimensions: Dimensions,
    update: str,
    online: Forest,
    target: Forest,
    batch: Batch,
    noise: Mapping[str, NDArray[Any]],
) -> LossAndGradients:
    """One update's loss and its whole gradient, one evaluation per trained parameter: for tiny networks.

    Args:
        algorithm: the method.
        config: its hyper-parameters.
        dimensions: sizes of observation and action.
        update: name of the update.
        online: parameters of all networks.
        target: averages of the networks that have one.
        batch: windows.
        noise: of one update, by name.

    Returns:
        Loss, metrics and float64 gradients of all networks, exactly zero where the update does not train.
    """
    loss = _Loss(algorithm, config, dimensions, update, target, batch, noise)
    point = in_full(online)
    value, metrics = loss(point)
    slopes: Forest = map_tree(lambda leaf: np.zeros(np.shape(leaf)), point)
    for name in loss.trains:
        (slopes[name],) = gradient(lambda tree, name=name: loss({**point, name: tree})[0], point[name])
    return LossAndGradients(_number(value), {key: _number(entry) for key, entry in metrics.items()}, slopes)


def policy(
    algorithm: Algorithm,
    config: Any,
    dimensions: Dimensions,
    online: Forest,
    target: Forest,
    behaviour: bool = False,
) -> Policy:
    """Act in NumPy with the parameters of one seed.

    Args:
        algorithm: the method.
        config: its hyper-parameters.
        dimensions: sizes of observation and action.
        online: parameters of all networks.
        target: averages of the networks that have one.
        behaviour: act with the behaviour-cloning policy instead.

    Returns:
        (observations `(..., S)`, noise by name) -> actions `(..., h·A)`, in the dtype of the observations.

    Raises:
        UsageError: the method trains no behaviour policy.
    """
    decide = algorithm.policy(behaviour)
    networks = models(algorithm, config, dimensions, in_full(online), in_full(target))

    def act(observations: NDArray[Any], noise: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        actions = decide(_kernels(), config, networks, in_full(observations), in_full(dict(noise)))
        return np.asarray(actions, dtype=np.asarray(observations).dtype)

    return act


def models(algorithm: Algorithm, config: Any, dimensions: Dimensions, online: Forest, target: Forest) -> Models:
    """The method's networks bound to their parameters online, frozen and averaged."""
    declared = algorithm.networks(config, dimensions)
    networks = declared._asdict()
    frozen = stop_gradient(online)
    return Models(
        online=type(declared)(**{name: bind(network, online[name]) for name, network in networks.items()}),
        frozen=type(declared)(**{name: bind(network, frozen[name]) for name, network in networks.items()}),
        target=type(declared)(
            **{
                name: bind(network, target[name]) if name in algorithm.averages else None
                for name, network in networks.items()
            }
        ),
    )


def in_full(tree: Any) -> Any:
    """The same tree in float64."""
    return map_tree(lambda leaf: np.asarray(leaf, dtype=np.float64), tree)


class _Loss:
    """One update's loss as a function of the online parameters alone."""

    def __init__(
        self,
        algorithm: Algorithm,
        config: Any,
        dimensions: Dimensions,
        update: str,
        target: Forest,
        batch: Batch,
        noise: Mapping[str, NDArray[Any]],
    ) -> None:
        chosen = algorithm.update(update)
        self.trains = chosen.trains
        self._loss = chosen.loss
        self._method = (algorithm, config, dimensions)
        self._target, self._batch, self._noise = in_full(target), in_full(batch), in_full(dict(noise))

    def __call__(self, online: Forest) -> tuple[Any, dict[str, Any]]:
        networks = models(*self._method, online, self._target)
        return self._loss(_kernels(), self._method[1], networks, self._batch, self._noise)


def _kernels() -> Any:
    return sys.modules[__package__]


def _number(value: Any) -> float:
    return float(np.real(value))
