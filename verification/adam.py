"""Adam, joint clipping and averages once more, slowly, in NumPy float64: what an engine's update must do."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.algorithm import Algorithm, Update
from ..core.networks import Forest

Gradient = Callable[[str, Forest, Forest], Forest]  # (update, online, target) -> gradients of all networks
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Arrived(NamedTuple):
    """Where some updates lead: parameters, averages, and Adam's moments by update."""

    online: Forest
    target: Forest
    first: dict[str, Forest]
    second: dict[str, Forest]


def trajectory(algorithm: Algorithm, config: Any, start: Forest, gradient: Gradient, steps: int) -> Arrived:
    """Parameters, averages and moments after some updates from `start` (Kingma & Ba 2015, algorithm 1).

    Args:
        algorithm: what is trained by which update, when, clipped to which joint norm; what is averaged when.
        config: holds the rates, norms and moments that the algorithm names.
        start: online parameters; averages start equal to them.
        gradient: the losses' gradients.
        steps: number of updates.
    """
    online = _copy(start)
    target = {name: _copy(start)[name] for name in algorithm.averages}
    first = {update.name: _zeros(start, update.trains) for update in algorithm.updates}
    second = {update.name: _zeros(start, update.trains) for update in algorithm.updates}
    runs = dict.fromkeys(first, 0)
    for step in range(1, steps + 1):
        before = _copy(online)
        seen_target = _copy(target)
        for update in algorithm.updates:
            begun = update.since is None or step > getattr(config, update.since)
            over = update.until is not None and step > getattr(config, update.until)
            if step % update.every or over or not begun:
                continue
            slopes = gradient(update.name, before, seen_target)
            scale = _clip_scale([slopes[n][k] for n in update.trains for k in slopes[n]], _norm(update, config))
            runs[update.name] += 1
            count, learning_rate = runs[update.name], getattr(config, update.learning_rate)
            for network in update.trains:
                for key, value in online[network].items():
                    g = scale * slopes[network][key]
                    m, v = first[update.name][network], second[update.name][network]
                    m[key] = BETA_1 * m[key] + (1 - BETA_1) * g
                    v[key] = BETA_2 * v[key] + (1 - BETA_2) * g**2
                    m_hat, v_hat = m[key] / (1 - BETA_1**count), v[key] / (1 - BETA_2**count)
                    online[network][key] = value - learning_rate * m_hat / (np.sqrt(v_hat) + EPSILON)
        for name, average in algorithm.averages.items():
            if step % average.every == 0 and step > average.since:
                target_rate = getattr(config, average.rate)
                source = before if average.when == "before" else online
                for key, value in target[name].items():
                    target[name][key] = value + target_rate * (source[name][key] - value)
    return Arrived(online, target, first, second)


def _norm(update: Update, config: Any) -> float | None:
    norm = update.clip_norm
    return getattr(config, norm) if isinstance(norm, str) else norm


def _clip_scale(gradients: list[np.ndarray], norm: float | None) -> float:
    if norm is None:
        return 1.0
    length = float(np.sqrt(sum(float(np.sum(gradient**2)) for gradient in gradients)))
    return min(1.0, norm / length) if length > 0 else 1.0


def _copy(forest: Forest) -> Forest:
    return {name: {key: np.array(value, np.float64) for key, value in tree.items()} for name, tree in forest.items()}


def _zeros(forest: Forest, names: tuple[str, ...]) -> Forest:
    return {name: {key: np.zeros(np.shape(value)) for key, value in forest[name].items()} for name in names}
