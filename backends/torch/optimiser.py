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
    parameters: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    steps: int,
    rates: Sequence[float],
) -> torch.optim.Adam:
    """An Adam that continues from moments `first` and `second` after `steps` steps, updating them in place.

    With one learning rate for all seeds it steps whole tensors, else the view of each seed in a group of its own.
    """
    tensors = list(zip(parameters, first, second, strict=True))
    groups = [tensors]
    if len(set(rates)) > 1:
        groups = [[(value[seed], m[seed], v[seed]) for value, m, v in tensors] for seed in range(len(rates))]
    options = [
        {"params": [parameter for parameter, _, _ in group], "lr": rate}
        for group, rate in zip(groups, rates, strict=False)
    ]
    # Capturable: its step counts stay on the device, so that a CUDA graph may hold it.
    on_gpu = parameters[0].device.type == "cuda"
    optimiser = torch.optim.Adam(options, betas=(0.9, 0.999), eps=1e-8, fused=True, capturable=on_gpu)
    for group in groups:
        for parameter, m, v in group:
            count = torch.tensor(float(steps), device=parameter.device)
            optimiser.state[parameter] = {"step": count, "exp_avg": m, "exp_avg_sq": v}
    return optimiser


def set_gradients(optimiser: torch.optim.Adam, gradients: Sequence[Tensor]) -> None:
    """Give gradients (S, ...), in the order of the parameters, to an optimiser made by `adam`."""
    groups = optimiser.param_groups
    for seed, group in enumerate(groups):
        for parameter, gradient in zip(group["params"], gradients, strict=True):
            parameter.grad = gradient if len(groups) == 1 else gradient[seed]


def clip_per_seed(gradients: Sequence[Tensor], clip_norm: Tensor | float) -> None:
    """Scale each seed's gradients in place so that their joint Euclidean norm is at most `clip_norm`.

    Args:
        gradients: tensors (S, ...).
        clip_norm: largest norm allowed, one number or one for each seed (S,).
    """
    seeds = gradients[0].shape[0]
    norms = [torch.linalg.vector_norm(gradient.reshape(seeds, -1), dim=1) for gradient in gradients]
    norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = clip_norm / norm.clamp(min=clip_norm)
    for gradient in gradients:
        gradient.mul_(scale.reshape(-1, *(1,) * (gradient.ndim - 1)))


def move_average(target: Tree, online: Tree, rate: Tensor | float) -> None:
    """target ← target + rate (online - target), in place; the rate is one number or one for each seed (S,)."""
    for name, value in target.items():
        weight = rate.reshape(-1, *(1,) * (value.ndim - 1)) if isinstance(rate, Tensor) else rate
        value.lerp_(online[name], weight)


def due(average: Average, when: str, step: int) -> bool:
    """Whether update number `step`, counted from 0, moves this average at moment `when`."""
    return average.when == when and (step + 1) % average.every == 0 and step + 1 > average.since
