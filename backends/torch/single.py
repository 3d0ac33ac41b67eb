"""One loss, or one policy, at parameters given as NumPy trees: for verification and for trained policies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.algorithm import Algorithm, Batch, Dimensions
from ...core.engine import LossAndGradients, Policy
from ...core.networks import Forest
from .. import torch as kernels
from .losses import gradients_of, models_of

Parameters = dict[str, dict[str, Tensor]]


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
    """One update's loss at given parameters, batch and noise; the parameters' dtype decides the precision.

    Args:
        algorithm: the method.
        config: its hyper-parameters.
        dimensions: sizes of observation and action chunk.
        update: name of the update.
        online: parameters by network and name.
        target: averaged parameters by network and name.
        batch: of one update, NumPy arrays.
        noise: of one update by name.

    Returns:
        Loss, metrics and the gradient of every online network, zero where the update does not train.

    Raises:
        UsageError: the method has no such update.
    """
    chosen = algorithm.update(update)
    parameters, averages = _forest(online), _forest(target)
    dtype = next(value.dtype for tree in parameters.values() for value in tree.values())
    tensors = Batch(*(torch.tensor(np.asarray(value), dtype=dtype) for value in batch))
    drawn = {name: torch.tensor(np.asarray(value), dtype=dtype) for name, value in noise.items()}
    gradients = gradients_of(algorithm, config, dimensions, chosen)
    loss, metrics, trained = gradients(parameters, averages, tensors, drawn)
    return LossAndGradients(
        loss=float(loss),
        metrics={name: float(value) for name, value in metrics.items()},
        gradients={
            network: {
                name: trained[network][name].numpy() if network in trained else np.zeros_like(value.numpy())
                for name, value in tree.items()
            }
            for network, tree in parameters.items()
        },
    )


def policy(
    algorithm: Algorithm,
    config: Any,
    dimensions: Dimensions,
    online: Forest,
    target: Forest,
    behaviour: bool = False,
) -> Policy:
    """Act with the parameters of one seed, NumPy in and out.

    Args:
        algorithm: the method.
        config: its hyper-parameters.
        dimensions: sizes of observation and action chunk.
        online: parameters by network and name, no seed axis.
        target: averaged parameters by network and name.
        behaviour: act with the behaviour-cloning policy.

    Returns:
        (observations (..., S), noise) -> actions (..., h·A), in the parameters' dtype.

    Raises:
        UsageError: the method trains no behaviour policy.
    """
    chosen = algorithm.policy(behaviour)
    parameters = _forest(online)
    dtype = next(value.dtype for tree in parameters.values() for value in tree.values())
    models = models_of(algorithm.networks(config, dimensions), {}, parameters, _forest(target))

    def decide(observations: npt.NDArray[Any], noise: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        s = torch.tensor(np.asarray(observations), dtype=dtype)
        drawn = {name: torch.tensor(np.asarray(value), dtype=dtype) for name, value in noise.items()}
        with torch.no_grad():
            return np.asarray(chosen(kernels, config, models, s, drawn).numpy())

    return decide


def _forest(forest: Forest) -> Parameters:
    return {
        network: {name: torch.tensor(np.asarray(value)) for name, value in tree.items()}
        for network, tree in forest.items()
    }
