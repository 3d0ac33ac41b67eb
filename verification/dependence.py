"""What a loss depends on, found by replacing one group of its inputs at a time: networks, batch fields, noise."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .backends import Backend
from .method_cases import MethodCase
from .restatement import arguments, value_on_reference


def metrics_of(backend: Backend, case: MethodCase, update: str) -> Mapping[str, float]:
    """Every metric of one evaluation."""
    if backend.name == "reference":
        _, metrics = value_on_reference(backend, case, update, case.online)
        return {name: float(np.real(value)) for name, value in metrics.items()}
    result: Mapping[str, float] = backend.engine.loss_and_gradients(*arguments(case, update)).metrics
    return result


def dependence(backend: Backend, case: MethodCase, other: MethodCase, update: str) -> dict[str, set[str]]:
    """By metric, the groups whose replacement by the other case's changes it in any bit."""
    before = metrics_of(backend, case, update)
    found: dict[str, set[str]] = {name: set() for name in before}
    for group, replaced in replacements(case, other):
        for name, value in metrics_of(backend, replaced, update).items():
            if value != before[name]:
                found[name].add(group)
    return found


def replacements(case: MethodCase, other: MethodCase) -> Iterator[tuple[str, MethodCase]]:
    """The case with one group after the other taken from another case of the same shapes."""
    for side in ("online", "target"):
        forest: dict[str, Any] = getattr(case, side)
        for name in forest:
            swapped = {**forest, name: getattr(other, side)[name]}
            replaced = case._replace(online=swapped) if side == "online" else case._replace(target=swapped)
            yield f"{side}.{name}", replaced
    for name in case.batch._fields:
        value = getattr(other.batch, name)
        if name in ("masks", "valid", "valid_steps", "next_valid"):  # 0 or 1: the other case's may be the same ones
            value = 1.0 - getattr(case.batch, name)
        yield f"batch.{name}", case._replace(batch=case.batch._replace(**{name: value}))
    for name in case.noise:
        yield f"noise.{name}", case._replace(noise={**case.noise, name: other.noise[name]})
