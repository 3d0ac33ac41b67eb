"""The JAX engine's programs: shared where only float hyper-parameters differ, and still refusing wrong ones."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from small_runs import small_values

from veloq.algorithms import ALGORITHMS
from veloq.backends.jax import engine as engine_module
from veloq.backends.jax import processor, programs
from veloq.backends.jax.engine import Engine
from veloq.core.algorithm import Algorithm
from veloq.core.engine import Transitions
from veloq.core.errors import DomainError, UsageError
from veloq.core.hyper_parameters import numbers, with_numbers
from veloq.verification.assertions import assert_at_most
from veloq.verification.method_cases import drift, method_case
from veloq.verification.probes import GAINED, PROBE, QUIET, Config
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
    programs.compiled_update.cache_clear()
    programs.compiled_policy.cache_clear()
    with counted() as compiled:
        own = trained(OTHERS)
    assert compiled
    for found, wanted in zip(jax.tree.leaves(shared), jax.tree.leaves(own), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", sorted(set(numbers(CONFIG)) - {"discount"}))
def test_every_number_reaches_the_program(name: str) -> None:
    """A number that was left at the first engine's value would change nothing."""
    probe = {"faint_norm": QUIET, "gain": GAINED}.get(name, PROBE)
    changed = trained(with_numbers(CONFIG, {name: 0.01 * getattr(CONFIG, name)}), probe)[0]
    before = trained(CONFIG, probe)[0]
    assert any(not np.array_equal(changed[path], before[path]) for path in before)


SWEEP = ({"target_rate": 0.1, "learning_rate": 1e-3}, {"target_rate": 0.7, "learning_rate": 3e-3})
FORMS = pytest.mark.parametrize("form", [programs.side_by_side, programs.together])


@FORMS
def test_a_sweep_compiles_nothing_anew(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs between the seeds of a sweep is an argument, as for one setting."""
    monkeypatch.setattr(engine_module, "side_by_side", form)
    counts = []
    for varied in (None, SWEEP):
        with counted() as compiled:
            engine = Engine(PROBE, replace(CONFIG, batch_size=7), DIMENSIONS, TRANSITIONS, (6, 6), varied=varied)
            state, _ = engine.run(engine.initial(), 4)
            engine.act(state, OBSERVATIONS, NOISE)
        counts.append(len(compiled))
    assert counts[0] > counts[1] == 0


@FORMS
def test_each_seed_of_a_sweep_has_its_own_numbers(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside engines that know one setting, at once as on a GPU and side by side as on a CPU."""
    monkeypatch.setattr(engine_module, "side_by_side", form)
    swept = Engine(PROBE, CONFIG, DIMENSIONS, TRANSITIONS, (6, 6), varied=SWEEP)
    flat = swept.export(swept.run(swept.initial(), 4)[0])
    case = method_case(PROBE, 0, learning_rate=CONFIG.learning_rate, hidden=CONFIG.hidden)
    for index, varied in enumerate(SWEEP):
        alone = Engine(PROBE, replace(CONFIG, **varied), DIMENSIONS, TRANSITIONS, (6,))
        for path, wanted in alone.export(alone.run(alone.initial(), 4)[0]).items():
            if path.startswith(("online", "target")):
                assert_at_most(np.abs(flat[path][index] - wanted[0]), drift(case, wanted[0], 4), path)
    assert any(not np.array_equal(*leaf) for path, leaf in flat.items() if path.startswith("online"))


def test_experience_is_the_same_at_once_and_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where all seeds share one buffer and one program, beside a CPU, where each has its own."""
    found, drawn = [], []
    rng = np.random.default_rng(0)
    rows = Transitions(*(rng.uniform(size=(2, 6, *part.shape[1:])).round(2) for part in TRANSITIONS))
    rows = rows._replace(terminals=(rows.terminals > 0.7).astype(np.float32))
    case = method_case(PROBE, 0, learning_rate=CONFIG.learning_rate, hidden=CONFIG.hidden)
    for form in (programs.side_by_side, programs.together):
        monkeypatch.setattr(engine_module, "side_by_side", form)
        engine = Engine(PROBE, CONFIG, DIMENSIONS, TRANSITIONS, (6, 7), room=8, balanced=True)
        state = engine.initial()
        for begin, end in ((0, 5), (5, 6)):
            engine.write(Transitions(*(part[:, begin:end] for part in rows)))
            state, _ = engine.run(state, 2)
        found.append(engine.export(state))
        drawn.append(engine.drawn(7)[0])
    assert all(np.array_equal(*pair) for pair in zip(*drawn, strict=True))
    for path, wanted in found[0].items():
        if path.startswith(("online", "target")):
            assert_at_most(np.abs(found[1][path] - wanted), drift(case, wanted, 4), path)
    assert any(not np.array_equal(*leaf) for path, leaf in found[0].items() if path.startswith("online"))


@pytest.mark.parametrize(
    ("varied", "message"),
    [([{}], "one mapping for each of 2 seeds"), ([{"discount": 0.5}, {}], "discount"), ([{"chunk": 2}, {}], "chunk")],
)
def test_a_sweep_over_what_cannot_differ_is_refused(varied: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Engine(PROBE, CONFIG, DIMENSIONS, TRANSITIONS, (6, 7), varied=varied)


def on_threads(threads: int, seeds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The state after two runs of these seeds on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        monkeypatch.setattr(programs, "_threads", lambda: pool)
        engine = Engine(PROBE, CONFIG, DIMENSIONS, TRANSITIONS, seeds)
        state, _ = engine.run(engine.initial(), 3)
        return engine.export(engine.run(state, 20)[0])


def test_seeds_side_by_side_are_those_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit: they share a program and nothing else."""
    together = on_threads(3, (6, 7, 8), monkeypatch)
    alone = [on_threads(1, (seed,), monkeypatch) for seed in (6, 7, 8)]
    for path, value in together.items():
        if path != "step":
            np.testing.assert_array_equal(value, np.concatenate([own[path] for own in alone]), err_msg=path)
    assert all(own["step"] == 23 for own in (together, *alone))


def test_a_seed_that_fails_stops_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an interrupted program would not end before all seeds have done all their updates."""
    begun = threading.Event()

    def update(state: Any, means: Any, numbers: Any, keys: Any, source: Any) -> Any:
        if numbers["learning_rate"][0] == np.float32(SWEEP[0]["learning_rate"]):
            begun.wait()
            raise FloatingPointError("of the first seed")
        begun.set()
        return state, means

    engine = Engine(PROBE, CONFIG, DIMENSIONS, TRANSITIONS, (6, 6), varied=SWEEP)
    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(programs, "_threads", lambda: pool)
        monkeypatch.setattr(programs, "compiled_update", lambda recipe: update)
        with pytest.raises(FloatingPointError, match="of the first seed"):
            engine.run(engine.initial(), 10**9)
    assert begun.is_set()


@pytest.mark.parametrize(
    ("flags", "known", "expected"),
    [
        ("", "xla_cpu_prefer_vector_width", {"xla_cpu_prefer_vector_width": 512}),
        ("--xla_cpu_prefer_vector_width=256", "xla_cpu_prefer_vector_width", {}),
        ("--xla_cpu_enable_fast_math=false", "an_option_of_another_XLA", {}),
    ],
    ids=["by default", "the user's", "unknown to XLA"],
)
def test_vectors_are_wide_where_nobody_objects(
    flags: str, known: str, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setattr(processor, "WIDTH", known)
    assert processor.wide_vectors.__wrapped__() == expected


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
