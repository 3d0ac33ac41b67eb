"""Every method beside a second statement of it by hand, and what each of its metrics depends on.

A method's file is the same for all backends, so that it is compared on the reference; ALGO compares the backends with
the reference.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.algorithms import ALGORITHMS
from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.by_hand import BY_HAND
from veloq.verification.by_hand.record import record_of
from veloq.verification.check import check, counted, covers
from veloq.verification.dependence import dependence
from veloq.verification.method_cases import (
    MethodCase,
    decision_noise,
    drawn_settings,
    method_case,
    methods,
)
from veloq.verification.profiles import examples
from veloq.verification.restatement import assert_restated

SEEDS = st.integers(0, 2**32 - 1)
ROWS = 100  # decisions: a wrong network or temperature changes few of the choices among candidates


def drawn(reference: Backend, name: str, seed: int) -> MethodCase:
    """A case with hyper-parameters of its own."""
    method = methods(reference)[name]
    return method_case(method, seed, **drawn_settings(method, seed))


@pytest.mark.parametrize("name", ALGORITHMS)
@covers("METHOD", "each method's loss, every metric and the derivative in every trained network equal a by-hand one")
def test_losses(reference: Backend, name: str) -> None:
    """Random networks, batches with invalid and terminal windows, noise and hyper-parameters, in float64."""

    @given(seed=SEEDS)
    @settings(max_examples=examples(20))
    @counted
    def agree(seed: int) -> None:
        case = drawn(reference, name, seed)
        for update, restated in BY_HAND[name].losses.items():
            assert_restated(reference, case, update, restated, seed)

    agree()


@pytest.mark.parametrize("name", ALGORITHMS)
@covers("METHOD", "each method acts, and its behaviour policy acts, as a by-hand one does on the same noise")
def test_actions(reference: Backend, name: str) -> None:
    """Several candidates per decision and several observations; some actions are clipped."""

    @given(seed=SEEDS)
    @settings(max_examples=examples(20))
    @counted
    def act(seed: int) -> None:
        case = drawn(reference, name, seed)
        rng = np.random.default_rng([seed, 2])
        noise = decision_noise(case, ROWS, rng)
        s = rng.standard_normal((ROWS, case.dimensions.observation))
        for behaviour, restated in ((False, BY_HAND[name].act), (True, BY_HAND[name].behave)):
            if restated is not None:
                record: tuple[Any, ...] = (case.algorithm, case.config, case.dimensions, case.online, case.target)
                actions = reference.engine.policy(*record, behaviour)(s, noise)
                expected = restated(case.config, case.online, case.target, s, noise)
                assert_close(np.asarray(actions), expected, "algorithm", f"{name} acts")

    act()


@pytest.mark.parametrize("name", ALGORITHMS)
@check("METHOD", "each metric depends on the networks, batch fields and noise that the table of its method names")
def test_dependence(reference: Backend, name: str) -> None:
    """Exactly those: replacing another changes no bit, replacing one of them changes it for some draw."""
    for update, table in BY_HAND[name].reads.items():
        found: dict[str, set[str]] = {metric: set() for metric in table}
        for seed in range(3):
            case, other = (method_case(methods(reference)[name], each) for each in (seed, seed + 100))
            for metric, groups in dependence(reference, case, other, update).items():
                found.setdefault(metric, set()).update(groups)
        assert found == {metric: set(groups.split()) for metric, groups in table.items()}


@pytest.mark.parametrize("name", ALGORITHMS)
@check("METHOD", "each method's record says what is trained, clipped, averaged, drawn and applied, as stated by hand")
def test_record(reference: Backend, name: str) -> None:
    """The optimiser's share, the laws and shapes of the noise, the networks' forms, the paper's hyper-parameters."""
    stated, expected = record_of(methods(reference)[name]), BY_HAND[name].record
    for part, value in expected._asdict().items():
        assert getattr(stated, part) == value, part


@check("METHOD", "every method and every one of its updates is restated by hand, and so is how it acts")
def test_every_method_is_restated() -> None:
    assert BY_HAND.keys() == ALGORITHMS.keys()
    for name, method in ALGORITHMS.items():
        updates = {update.name for update in method.updates}
        assert BY_HAND[name].losses.keys() == BY_HAND[name].reads.keys() == updates
        assert (BY_HAND[name].behave is None) == (method.behaviour is None)
