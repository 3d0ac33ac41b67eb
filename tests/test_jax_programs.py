"""The JAX engine's programs: shared where only float hyper-parameters differ, and still refusing wrong ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import jax
import numpy as np
import pytest
from small_runs import small_values

from veloq.algorithms import ALGORITHMS
from veloq.backends.jax import programs
from veloq.backends.jax.engine import Engine
from veloq.core.algorithm import Algorithm
from veloq.core.errors import DomainError
from veloq.core.hyper_parameters import numbers, with_numbers
from veloq.verification.probes import PROBE, QUIET, Config
from veloq.verification.programs import COMPILED
from veloq.verification.windows_by_hand import SIZES, TRANSITIONS

CONFIG = Config(batch_size=5, chunk=3, hidden=(4,))
DIMENSIONS = SIZES._replace(action=CONFIG.chunk)
OTHERS = with_numbers(CONFIG, {name: 0.9 * value for name, value in numbers(CONFIG).items()})
OBSERVATIONS, NOISE = np.ones((2, 1, SIZES.observation), np.float32), {"z": np.ones((2, 1, 3), np.float32)}


@contextmanager
def counted() -> Iterator[list[str]]:
    """One entry for each program that XLA compiles meanwhile."""
    compiled: list[str] = []

    def notice(event: str, duration_secs: float, **_about: str | int) -> None:
        if event == COMPILED:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(notice)
    try:
        yield compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(notice)


def trained(config: Config, probe: Algorithm = PROBE) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """State and actions after a few updates of a new engine."""
    engine = Engine(probe, config, DIMENSIONS, TRANSITIONS, (6, 7))
    state, _ = engine.run(engine.initial(), 4)
    acted, behaved = (each(state, OBSERVATIONS, NOISE) for each in (engine.act, engine.behave))
    return engine.export(state), acted, behaved


def test_float_hyper_parameters_are_arguments() -> None:
    """Another engine with other numbers compiles nothing, and computes what a program of its own computes."""
    trained(CONFIG)
    with counted() as compiled:
        shared = trained(OTHERS)
    assert not compiled
    programs.compiled_loop.cache_clear()
    programs.compiled_policy.cache_clear()
    with counted() as compiled:
        own = trained(OTHERS)
    assert compiled
    for found, wanted in zip(jax.tree.leaves(shared), jax.tree.leaves(own), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", sorted(set(numbers(CONFIG)) - {"discount"}))
def test_every_number_reaches_the_program(name: str) -> None:
    """A number that was left at the first engine's value would change nothing."""
    probe = QUIET if name == "faint_norm" else PROBE
    changed = trained(with_numbers(CONFIG, {name: 0.01 * getattr(CONFIG, name)}), probe)[0]
    before = trained(CONFIG, probe)[0]
    assert any(not np.array_equal(changed[path], before[path]) for path in before)


def test_what_shapes_a_program_compiles_another() -> None:
    trained(CONFIG)
    with counted() as compiled:
        trained(replace(CONFIG, batch_size=6))
    assert compiled


def test_a_number_outside_its_domain_is_refused() -> None:
    """By the kernel that takes it, although the program knows it only as an argument."""
    iql = ALGORITHMS["iql"]
    config = iql.config(**small_values(iql) | {"chunk": 3, "kappa": 2.0})
    engine = Engine(iql, config, DIMENSIONS, TRANSITIONS, (0,))
    with pytest.raises(DomainError, match="expectile_loss"):
        engine.run(engine.initial(), 1)
