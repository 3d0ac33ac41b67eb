"""Adam on parameters that carry a seed axis, gradient clipping per seed, and target averages."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...core.algorithm import Average
from .networks import Forest, Tree


def leaves(forest: Forest, networks: Iterable[str]) -> list[Tensor]:
    """Parameters of the named networks, in a fixed order."""
    return [value for network in networks for value in forest[network].values()]


def adam(
    parameters: Sequence[Tensor], first: Sequence[Tensor], second: Sequence[Tensor], steps: int, learning_rate: float
) -> torch.optim.Adam:
    """An Adam that continues from moments `first` and `second` after `steps` steps, updating them in place."""
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)
    for parameter, m, v in zip(parameters, first, second, strict=True):
        count = torch.tensor(float(steps), device=parameter.device)
        optimiser.state[parameter] = {"step": count, "exp_avg": m, "exp_avg_sq": v}
    return optimiser


def clip_per_seed(gradients: Sequence[Tensor], clip_norm: float) -> None:
    """Scale each seed's gradients in place so that their joint Euclidean norm is at most `clip_norm`.

    Args:
        gradients: tensors (S, ...).
        clip_norm: largest norm allowed.
    """
    seeds = gradients[0].shape[0]
    norms = [torch.linalg.vector_norm(gradient.reshape(seeds, -1), dim=1) for gradient in gradients]
    norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = clip_norm / norm.clamp(min=clip_norm)
    for gradient in gradients:
        gradient.mul_(scale.reshape(-1, *(1,) * (gradient.ndim - 1)))


def move_average(target: Tree, online: Tree, rate: float) -> None:
    """target ← target + rate (online - target), in place."""
    for name, value in target.items():
        value.lerp_(online[name], rate)


def due(average: Average, when: str, step: int) -> bool:
    """Whether update number `step`, counted from 0, moves this average at moment `when`."""
    return average.when == when and (step + 1) % average.every == 0 and step + 1 > average.since
