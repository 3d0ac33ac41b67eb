"""Torch's recorded updates against its eager ones: a CUDA graph where there is a GPU, elsewhere a tape."""

from typing import Any

import numpy as np
import pytest

from veloq.algorithms import ALGORITHMS
from veloq.core.engine import FlatState, Transitions
from veloq.verification.assertions import assert_at_most, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check, covers
from veloq.verification.method_cases import MethodCase, data_for, drift, method_case

REHEARSED, PLAYED = 3, 5


def recording(backend: Backend, engine: Any) -> Any:
    """The engine, which records its updates from now on."""
    if backend.device == "cpu":
        from veloq.verification.tape import Tapes

        engine._recorder = Tapes()
    return engine


def pair(backend: Backend, case: MethodCase, seeds: int, **options: Any) -> tuple[Any, Any]:
    """An eager engine and one that records."""
    if backend.name != "torch":
        pytest.skip(f"{backend.name} compiles whole updates")

    def build(**more: Any) -> Any:
        given = (case.algorithm, case.config, case.dimensions, data_for(case), range(seeds))
        return backend.engine.Engine(*given, device=backend.device, **more, **options)

    return build(), recording(backend, build(cuda_graphs=backend.device != "cpu"))


def assert_same(backend: Backend, case: MethodCase, got: FlatState, want: FlatState) -> None:
    """To the bit on a CPU; on a GPU sums have no order of their own."""
    assert got.keys() == want.keys()
    for name, value in want.items():
        if backend.device == "cpu":
            assert_exact(got[name], value, f"{case.algorithm.name} {name}")
        elif not name.startswith("adam"):
            assert_at_most(np.abs(got[name] - value), drift(case, value, REHEARSED + PLAYED), name)


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("name", ALGORITHMS)
@covers(
    "ENGINE", "recorded updates of every method, played on new batches, are its eager ones; nothing waits for the host"
)
def test_played_updates(framework: Backend, name: str, seeds: int) -> None:
    """In two calls of `run`, so that a recording outlives the first."""
    case = method_case(ALGORITHMS[name], 3)
    results = []
    for engine in (engines := pair(framework, case, seeds)):
        state, _ = engine.run(engine.initial(), REHEARSED + 2)
        state, metrics = engine.run(state, PLAYED - 2)
        results.append((engine.export(state), metrics))
    (want, expected), (got, played) = results
    assert_same(framework, case, got, want)
    assert played.keys() == expected.keys()
    if framework.device == "cpu":
        for key, value in expected.items():
            assert_exact(played[key], value, f"{name} {key}")
        assert (tapes := engines[1]._recorder.tapes)
        assert not set().union(*(tape.synchronising() for tape in tapes))


@check("ENGINE", "a recording that draws its own batches draws, for its own step, from the data that was loaded last")
def test_exchanged_data(framework: Backend) -> None:
    """Without experience, for which batches are drawn before they are handed to a recording."""
    case = method_case(ALGORITHMS["fql"], 3)
    results = []
    for engine in pair(framework, case, 2):
        state, _ = engine.run(engine.initial(), REHEARSED + PLAYED)
        engine.load(data_for(case, 1))
        results.append(engine.export(engine.run(state, REHEARSED + PLAYED)[0]))
    assert_same(framework, case, results[1], results[0])


@check("ENGINE", "recordings follow other data, experience, a sweep's own rates, skipped losses and a state put back")
def test_recordings_follow(framework: Backend) -> None:
    """What an update reads besides its state is handed to the recording each time."""
    case = method_case(ALGORITHMS["fql"], 3)
    varied = [{"learning_rate": 1e-3, "target_rate": 0.1}, {"learning_rate": 3e-3, "target_rate": 0.2}]
    results = []
    for engine in pair(framework, case, 2, varied=varied, skip=True, room=20):
        state, _ = engine.run(engine.initial(), REHEARSED + PLAYED)
        engine.load(data_for(case, 1))
        state, _ = engine.run(state, 2)
        engine.write(Transitions(*(np.stack([column[:9], column[9:18]]) for column in data_for(case, 2))))
        state, _ = engine.run(state, 2)
        results.append(engine.export(engine.run(engine.restore(engine.export(state)), REHEARSED + PLAYED)[0]))
    assert_same(framework, case, results[1], results[0])
