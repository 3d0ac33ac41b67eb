"""Every method: loss, metrics, gradients, actions and a few whole updates agree on all backends."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.algorithms import ALGORITHMS
from veloq.core.engine import LossAndGradients
from veloq.core.networks import Forest, initial_parameters
from veloq.verification.adam import trajectory
from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import BACKENDS, Backend
from veloq.verification.check import counted, covers
from veloq.verification.method_cases import (
    SETTINGS,
    MethodCase,
    data_for,
    decision_noise,
    drift,
    method_case,
    pinned,
    setting,
)
from veloq.verification.profiles import examples
from veloq.verification.restatement import arguments

UPDATES = [(name, update.name) for name, method in ALGORITHMS.items() for update in method.updates]
SEEDS = st.integers(0, 1)  # few: the reference differentiates one parameter at a time, and is remembered
STEPS = 3


@functools.cache
def expected(name: str, update: str, seed: int, index: int) -> LossAndGradients:
    """The reference's word, by complex step."""
    case = method_case(ALGORITHMS[name], seed, **setting(ALGORITHMS[name], index))
    result: LossAndGradients = BACKENDS["reference"].engine.loss_and_gradients(*arguments(case, update))
    return result


@pytest.mark.parametrize(("name", "update"), UPDATES)
@covers("ALGO", "loss, every metric and every gradient equal the reference's; untrained parameters get exactly zero")
def test_losses_and_gradients(framework: Backend, name: str, update: str) -> None:
    """Same parameters, batch with invalid windows, and noise, in float64."""
    trains = next(entry.trains for entry in ALGORITHMS[name].updates if entry.name == update)

    @given(seed=SEEDS, index=st.sampled_from(range(SETTINGS)))
    @settings(max_examples=examples(6))
    @counted
    def agree(seed: int, index: int) -> None:
        want = expected(name, update, seed, index)
        case = method_case(ALGORITHMS[name], seed, **setting(ALGORITHMS[name], index))
        got = framework.engine.loss_and_gradients(*arguments(case, update))
        assert_close(np.float64(got.loss), np.float64(want.loss), "algorithm", f"{name} loss on {framework.name}")
        assert got.metrics.keys() == want.metrics.keys()
        for key, value in want.metrics.items():
            assert_close(np.float64(got.metrics[key]), np.float64(value), "algorithm", f"{name} {key}")
        for network, tree in want.gradients.items():
            assert got.gradients[network].keys() == tree.keys()
            for key, value in tree.items():
                what = f"{name} gradient of {network}.{key} on {framework.name}"
                assert_close(got.gradients[network][key], value, "algorithm", what)
                if network not in trains:
                    assert_exact(got.gradients[network][key], np.zeros(value.shape), what)

    agree()


@pytest.mark.parametrize("name", ALGORITHMS)
@covers("ALGO", "every trained network receives a gradient that is not zero")
def test_trained_networks_move(framework: Backend, name: str) -> None:
    """Agreement alone would not notice a loss that trains nothing."""
    for update in ALGORITHMS[name].updates:
        case = method_case(ALGORITHMS[name], 1)
        got = framework.engine.loss_and_gradients(*arguments(case, update.name))
        for network in update.trains:
            assert any(np.any(value != 0.0) for value in got.gradients[network].values()), network


@pytest.mark.parametrize("name", ALGORITHMS)
@covers("ALGO", "the same noise gives the same actions on every backend, for the policy and its behaviour")
def test_actions(framework: Backend, name: str) -> None:
    """Float64 parameters, a batch of observations."""

    @given(seed=SEEDS, index=st.sampled_from(range(SETTINGS)))
    @settings(max_examples=examples(6))
    @counted
    def act(seed: int, index: int) -> None:
        case = method_case(ALGORITHMS[name], seed, **setting(ALGORITHMS[name], index))
        rng = np.random.default_rng(seed)
        noise = decision_noise(case, case.config.batch_size, rng)
        for behaviour in (False, True) if case.algorithm.behaviour else (False,):
            chosen = [
                backend.engine.policy(
                    case.algorithm, case.config, case.dimensions, case.online, case.target, behaviour
                )(case.batch.observations, noise)
                for backend in (framework, BACKENDS["reference"])
            ]
            assert_close(np.asarray(chosen[0]), chosen[1], "algorithm", f"{name} action on {framework.name}")
            assert_at_most(np.abs(chosen[0]), 1.0, f"{name} |action|")

    act()


@pytest.mark.turns(3)
@pytest.mark.parametrize("name", ALGORITHMS)
@covers("ALGO", "three updates of the engine (clip, Adam, averages) stay within 1e-3 of a step of a float64 NumPy Adam")
def test_updates(framework: Backend, name: str) -> None:
    """The engine in float32 on a pinned batch and noise, against textbook Adam on float64 gradients."""
    seed = 5
    case = method_case(ALGORITHMS[name], seed)
    module = framework.engine
    start = initial_parameters(case.algorithm.declared(case.config, case.dimensions), seed)

    def gradient(update: str, online: Forest, target: Forest) -> Forest:
        moved = case._replace(online=online, target=target)
        result: Forest = module.loss_and_gradients(*arguments(moved, update)).gradients
        return result

    arrived = trajectory(case.algorithm, case.config, start, gradient, STEPS)
    engine = module.Engine(pinned(case), case.config, case.dimensions, data_for(case), (seed,), device=framework.device)
    state, _ = engine.run(engine.initial(), STEPS)
    flat = engine.export(state)
    for part, forest in (("online", arrived.online), ("target", arrived.target)):
        for network, tree in forest.items():
            for key, value in tree.items():
                actual = flat[f"{part}/{network}/{key}"][0]
                what = f"{name} {part} {network}.{key} after {STEPS} updates on {framework.name}"
                assert_at_most(np.abs(actual - value), drift(case, value, STEPS), what)
                if part == "online":
                    assert np.any(actual != start[network][key]) or network not in trained(case), what


def trained(case: MethodCase) -> set[str]:
    """Networks that some update trains."""
    return {network for update in case.algorithm.updates for network in update.trains}
