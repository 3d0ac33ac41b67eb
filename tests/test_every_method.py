"""Every method trains: nothing becomes NaN, what clones the data gets better, actions are actions, all networks move.

By default a third of the methods, another one every day; see conftest.py.
"""

import os
import time

import numpy as np
import pytest
from small_runs import DATA_SET, ENV, decision_noise, small_values

from veloq.algorithms import ALGORITHMS
from veloq.core.algorithm import Algorithm, Dimensions
from veloq.core.engine import FlatState, Transitions
from veloq.training.backends import TRAINING_BACKENDS, engine_class
from veloq.training.data import load_task, make
from veloq.training.settings import make_config

ROWS, UPDATES, DISPATCH, DECISIONS = 20_000, 2000, 100, 32
SIZES = {
    "hidden": (32, 32),
    "critics": 2,
    "flow_steps": 5,
    "chunk": 2,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "target_rate": 0.02,
}
MOMENT = 300
# Metrics that must be lower at the end than at the start, higher with a minus: by the end of their names, or its own.
FALLING_ENDS = ("behaviour_loss", "flow_loss", "cloning_loss")
FALLING: dict[str, tuple[str, ...]] = {
    # Its loss is weighted by advantages that are learned meanwhile.
    "iql": ("-log_prob",),
    "diql": ("-log_prob",),
    # Its other loss is weighted by advantages that are learned meanwhile.
    "fawac": ("cloning_loss",),
    # It clones nothing: the entropy of the first policy exceeds its target, so that its price falls.
    "rlpd": ("log_temp",),
}
# Hyper-parameters with which these metrics can fall: with its own weight FBRAC's value outweighs cloning here.
OWN: dict[str, dict[str, float]] = {"fbrac": {"bc_weight": 10.0}}
# Parameters, "network/name", whose gradient is zero by the method's equations.
RESTING: dict[str, tuple[str, ...]] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "method" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-methods")
        third = int(os.environ["VELOQ_THIRD"]) % 3
        chosen = [name for index, name in enumerate(ALGORITHMS) if every or index % 3 == third]
        metafunc.parametrize("method", chosen)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Transitions:
    """Regenerated rows, made by the first worker and read by all."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "every-method"
    lock = folder.with_suffix(".lock")
    try:
        lock.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 300
        while not folder.exists():
            assert lock.exists(), "the worker that makes the data gave up"
            assert time.monotonic() < deadline, "no data within five minutes"
            time.sleep(0.1)
    else:
        making = folder.with_suffix(".making")
        try:
            make(DATA_SET, ROWS, workers=1, directory=making, source="regenerate")
            making.rename(folder)
        except BaseException:
            lock.rmdir()
            raise
    rows = load_task(ENV, folder)
    return Transitions(**{name: np.asarray(getattr(rows, name), np.float32) for name in Transitions._fields})


@pytest.mark.slow
@pytest.mark.parametrize("backend", TRAINING_BACKENDS)
def test_a_method_trains(method: str, backend: str, data: Transitions) -> None:
    pytest.importorskip(backend)
    algorithm = ALGORITHMS[method]
    config = make_config(algorithm, small_values(algorithm, SIZES, MOMENT) | OWN.get(method, {}))
    dimensions = Dimensions(data.observations.shape[1], config.chunk * data.actions.shape[1])
    engine = engine_class(backend)(algorithm, config, dimensions, data, (0,))
    state = engine.initial()
    start = engine.export(state)
    curves: dict[str, list[float]] = {}
    for _ in range(UPDATES // DISPATCH):
        state, metrics = engine.run(state, DISPATCH)
        for name, value in metrics.items():
            curves.setdefault(name, []).append(float(value[0]))
    assert not [name for name, curve in curves.items() if not np.isfinite(curve).all()]
    names = falling(method, list(curves))
    curves |= {f"-{name}": [-value for value in curve] for name, curve in curves.items()}
    assert not {name: curves[name] for name in names if not np.mean(curves[name][-3:]) < curves[name][0]}
    assert not resting(algorithm, start, engine.export(state))
    acts = [engine.act] if algorithm.behaviour is None else [engine.act, engine.behave]
    low, high = data.observations.min(axis=0), data.observations.max(axis=0)
    observations = np.random.default_rng(0).uniform(low, high, (1, DECISIONS, len(low)))
    noise = decision_noise(algorithm, config, dimensions, (1, DECISIONS))
    for act in acts:
        actions = act(state, observations, noise)
        assert actions.shape == (1, DECISIONS, dimensions.action)
        assert np.isfinite(actions).all()
        assert np.abs(actions).max() <= 1.0
        assert actions.std() > 0.0


def falling(method: str, metrics: list[str]) -> list[str]:
    """The metrics of a method that must fall; there has to be one."""
    names = list(FALLING.get(method, [name for name in metrics if name.endswith(FALLING_ENDS)]))
    assert names, f"say in FALLING which metric of {method} must fall: it has {sorted(metrics)}"
    assert {name.removeprefix("-") for name in names} <= set(metrics)
    return names


def resting(algorithm: Algorithm, start: FlatState, end: FlatState) -> list[str]:
    """The trained or averaged parameters that training left where they were."""
    trained = {f"online/{name}" for update in algorithm.updates for name in update.trains}
    wanted = trained | {f"target/{name}" for name in algorithm.averages}
    still = [path for path in start if path.rpartition("/")[0] in wanted and np.array_equal(start[path], end[path])]
    return [path for path in still if path.partition("/")[2] not in RESTING.get(algorithm.name, ())]
