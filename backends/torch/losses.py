"""One loss of a method at given parameters, with its gradients, for one seed or for many at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optree
import torch
from torch import Tensor

from ...core.algorithm import Algorithm, Batch, Dimensions, Models, Update
from .. import torch as kernels
from .networks import Forest, bind

# (online, target, batch, noise) -> (loss, metrics, gradient of what the update trains)
Gradients = Callable[
    [Any, Any, Batch, Mapping[str, Tensor]], tuple[Tensor, dict[str, Tensor], dict[str, dict[str, Tensor]]]
]


def gradients_of(algorithm: Algorithm, config: Any, dimensions: Dimensions, update: Update) -> Gradients:
    """The metrics and the gradients of one update of one seed, in plain autograd."""
    declared = algorithm.networks(config, dimensions)

    def gradients(online: Forest, target: Forest, batch: Batch, noise: Mapping[str, Tensor]) -> Any:
        trained = {
            network: {name: value.detach().requires_grad_() for name, value in online[network].items()}
            for network in update.trains
        }
        models = models_of(declared, trained, online, target)
        loss, metrics = update.loss(kernels, config, models, batch, noise)
        flat = [value for tree in trained.values() for value in tree.values()]
        results = iter(torch.autograd.grad(loss, flat, allow_unused=True, materialize_grads=True))
        return (
            loss.detach(),
            {name: value.detach() for name, value in metrics.items()},
            {network: {name: next(results) for name in tree} for network, tree in trained.items()},
        )

    return gradients


def functional_gradients_of(algorithm: Algorithm, config: Any, dimensions: Dimensions, update: Update) -> Gradients:
    """The same as a pure function, for vmap over seeds and for torch.compile."""
    declared = algorithm.networks(config, dimensions)

    def loss_of(trained: Any, online: Forest, target: Forest, batch: Batch, noise: Mapping[str, Tensor]) -> Any:
        return update.loss(kernels, config, models_of(declared, trained, online, target), batch, noise)

    differentiated = torch.func.grad_and_value(loss_of, has_aux=True)

    def gradients(online: Forest, target: Forest, batch: Batch, noise: Mapping[str, Tensor]) -> Any:
        trained = {network: online[network] for network in update.trains}
        result, (loss, metrics) = differentiated(trained, online, target, batch, noise)
        return loss, metrics, result

    return gradients


def in_turn(gradients: Sequence[Gradients]) -> Gradients:
    """The metrics and gradients of seeds that each have a function of their own, with a leading seed axis."""

    def all_seeds(online: Forest, target: Forest, batch: Batch, noise: Mapping[str, Tensor]) -> Any:
        results = [
            own(
                of_seed(online, seed),
                of_seed(target, seed),
                Batch(*(field[seed] for field in batch)),
                {name: value[seed] for name, value in noise.items()},
            )
            for seed, own in enumerate(gradients)
        ]
        stacked: Any = optree.tree_map(lambda *leaves: torch.stack(leaves), *results)  # type: ignore[arg-type]
        return stacked

    return all_seeds


def of_seed(forest: Forest, seed: int) -> Forest:
    """Views of one seed's parameters."""
    return {network: {name: value[seed] for name, value in tree.items()} for network, tree in forest.items()}


def models_of(declared: Any, trained: Forest, online: Forest, target: Forest) -> Models:
    """The networks bound three ways; `online` carries gradients to the tensors of `trained` alone."""
    return Models(
        online=bind(declared, {**online, **trained}),
        frozen=bind(declared, online),
        target=bind(declared, target),
    )
