"""A method's loss on a backend beside its restatement by hand: values, metrics and derivatives."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.networks import Forest
from .assertions import assert_close, assert_exact
from .backends import Backend
from .by_hand.parts import STEP, Situation
from .method_cases import MethodCase

Restated = Callable[[Situation], tuple[Any, dict[str, Any]]]


class Outcome(NamedTuple):
    """A loss, its metrics, and its derivative along a direction in each network's parameters."""

    loss: float
    metrics: Mapping[str, float]
    slopes: Mapping[str, float]


def arguments(case: MethodCase, update: str) -> tuple[Any, ...]:
    """In the order of `core.engine.LossFunction`."""
    return (case.algorithm, case.config, case.dimensions, update, case.online, case.target, case.batch, case.noise)


def assert_restated(
    backend: Backend, case: MethodCase, update: str, restated: Restated, seed: int, entrywise: bool = False
) -> None:
    """Loss, metrics and derivatives along random directions are those of the restatement.

    Args:
        backend: whose loss.
        case: on what.
        update: which of the method's losses.
        restated: the same by hand.
        seed: of the directions.
        entrywise: on the reference too, take the derivative from the whole gradient, one parameter at a time.

    Raises:
        AssertionError: they are not, or a network that the update does not train has a gradient.
    """
    direction = directions(case.online, seed)
    want = by_hand(case, update, restated, direction)
    quick = backend.name == "reference" and not entrywise
    got = (along_directions if quick else by_gradient)(backend, case, update, direction)
    where = f"{case.algorithm.name} {update} on {backend.name}"
    assert_close(np.float64(got.loss), np.float64(want.loss), "algorithm", f"{where}: loss")
    assert got.metrics.keys() == want.metrics.keys(), where
    for name, value in want.metrics.items():
        assert_close(np.float64(got.metrics[name]), np.float64(value), "algorithm", f"{where}: {name}")
    for network, value in want.slopes.items():
        what = f"{where}: derivative in {network}"
        assert_close(np.float64(got.slopes[network]), np.float64(value), "algorithm", what)


def directions(online: Forest, seed: int) -> Forest:
    """A random direction in the parameters of every network, of length about one."""
    rng = np.random.default_rng([seed, 1])
    drawn = {}
    for network, tree in online.items():
        size = sum(np.size(value) for value in tree.values())
        drawn[network] = {name: rng.standard_normal(np.shape(value)) / np.sqrt(size) for name, value in tree.items()}
    return drawn


def by_hand(case: MethodCase, update: str, restated: Restated, direction: Forest) -> Outcome:
    """The restatement's word; a derivative moves the trained copy of the parameters alone."""

    def at(live: Forest) -> tuple[Any, dict[str, Any]]:
        return restated(Situation(case.config, live, case.online, case.target, case.batch, case.noise))

    loss, metrics = at(case.online)
    slopes = {
        name: float(np.imag(at(moved(case.online, direction, name))[0]) / STEP)
        for name in case.algorithm.update(update).trains
    }
    return Outcome(float(loss), {name: float(np.real(value)) for name, value in metrics.items()}, slopes)


def along_directions(backend: Backend, case: MethodCase, update: str, direction: Forest) -> Outcome:
    """The reference's word, by one complex step for each network instead of one for each parameter."""
    loss, metrics = value_on_reference(backend, case, update, case.online)
    slopes = {
        name: float(np.imag(value_on_reference(backend, case, update, moved(case.online, direction, name))[0]) / STEP)
        for name in case.algorithm.update(update).trains
    }
    return Outcome(float(np.real(loss)), {name: float(np.real(value)) for name, value in metrics.items()}, slopes)


def value_on_reference(backend: Backend, case: MethodCase, update: str, online: Forest) -> tuple[Any, dict[str, Any]]:
    """One evaluation of the loss, without derivatives."""
    models = backend.engine.models(case.algorithm, case.config, case.dimensions, online, case.target)
    result: tuple[Any, dict[str, Any]] = case.algorithm.update(update).loss(
        backend.K, case.config, models, case.batch, case.noise
    )
    return result


def by_gradient(backend: Backend, case: MethodCase, update: str, direction: Forest) -> Outcome:
    """The engine's word, by its whole gradient.

    Raises:
        AssertionError: a network that the update does not train has a gradient.
    """
    result = backend.engine.loss_and_gradients(*arguments(case, update))
    trains = case.algorithm.update(update).trains
    for network, tree in result.gradients.items():
        for name, value in tree.items():
            if network not in trains:
                assert_exact(value, np.zeros(np.shape(value)), f"gradient of {network}.{name}, which is not trained")
    slopes = {
        network: float(sum(np.sum(value * direction[network][name]) for name, value in tree.items()))
        for network, tree in result.gradients.items()
        if network in trains
    }
    return Outcome(result.loss, result.metrics, slopes)


def moved(online: Forest, direction: Forest, network: str) -> Forest:
    """The parameters with one network's moved by an imaginary step along its direction."""
    tree = {name: value + 1j * STEP * direction[network][name] for name, value in online[network].items()}
    return {**online, network: tree}
