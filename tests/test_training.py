"""The training loop: exact resumption, orderly stops, divergence, and one policy on three backends."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import ENV, SIZES, decision_noise, quiet, small_settings, small_values, timeless_records

from veloq.algorithms import ALGORITHMS
from veloq.core.algorithm import Dimensions
from veloq.core.engine import FlatState
from veloq.core.errors import CheckpointError, DataError, DivergenceError, UsageError
from veloq.core.networks import initial_parameters
from veloq.training import backends, checkpoint, loop
from veloq.training import train as training
from veloq.training.backends import policy_function
from veloq.training.data import make
from veloq.training.policies import evaluate_run, load_policy
from veloq.training.run_folder import RunFolder
from veloq.training.run_lock import LOCK
from veloq.training.settings import make_config


class CountingEngine:
    """An engine whose state is one number per seed; it interrupts or diverges where a test asks for it."""

    interrupt_at: int | None = None
    diverge_at: int | None = None

    def __init__(
        self, algorithm: Any, config: Any, dimensions: Dimensions, data: Any, seeds: Any, *rest: Any, **options: Any
    ) -> None:
        self.seeds, self.action = np.array(seeds), dimensions.action

    def initial(self) -> FlatState:
        return {"online/actor/value": self.seeds.astype(np.float64), "step": np.array(0)}

    def run(self, state: FlatState, updates: int) -> tuple[FlatState, dict[str, Any]]:
        value, step = state["online/actor/value"], int(state["step"])
        for _ in range(updates):
            step += 1
            value = value * 1.25 + 1.0 / step
            if step == self.interrupt_at:
                os.kill(os.getpid(), signal.SIGINT)
        loss = np.where(step >= (self.diverge_at or 10**9), np.inf, value)
        return {"online/actor/value": value, "step": np.array(step)}, {"loss": loss}

    def act(self, state: FlatState, observations: Any, noise: Any) -> Any:
        return np.zeros((*observations.shape[:2], self.action), np.float32)

    def finite(self, state: FlatState) -> Any:
        return np.isfinite(state["online/actor/value"])

    behave = act
    export = restore = staticmethod(lambda state: state)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[CountingEngine]:
    engine = type("Engine", (CountingEngine,), {})
    monkeypatch.setattr(training, "engine_class", lambda backend: engine)
    return engine


def final_state(run: Path) -> FlatState:
    return checkpoint.load_latest(run).state


def assert_same_runs(first: Path, second: Path) -> None:
    """Same metrics and, bit for bit, the same final state."""
    assert timeless_records(first) == timeless_records(second)
    states = final_state(first), final_state(second)
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert value.tobytes() == states[1][name].tobytes(), name


def test_a_run_leaves_its_files(tmp_path: Path, data: Path, counting: type[CountingEngine]) -> None:
    outcome = training.train(small_settings(tmp_path, data), quiet())
    assert (outcome.finished, outcome.step) == (True, 8)
    assert len(outcome.success or ()) == len(outcome.behaviour_success or ()) == 2
    records = timeless_records(outcome.run)
    steps = [(r["kind"], r["step"], r.get("policy")) for r in records]
    assert steps == [
        ("training", 2, None),
        ("training", 4, None),
        ("training", 6, None),
        ("evaluation", 6, "method"),
        ("training", 8, None),
        ("evaluation", 8, "method"),
        ("evaluation", 8, "behaviour"),
    ]
    config = RunFolder.open(outcome.run).config
    assert config["config"] | SIZES == config["config"]
    assert config["versions"]["mujoco"]
    assert len(config["data_sha256"]) == 64
    names = {path.name for path in outcome.run.iterdir()}
    assert names >= {"config.json", "metrics.jsonl", "checkpoints", "report.html", "rollouts-method.png", "losses.png"}
    assert [name for name in names if name.startswith(".")] == [LOCK]


@pytest.mark.parametrize("at", [1, 4, 6, 8])
def test_an_interrupted_run_continues_as_if_it_never_stopped(
    tmp_path: Path, data: Path, counting: type[CountingEngine], at: int
) -> None:
    whole = training.train(small_settings(tmp_path, data), quiet())
    counting.interrupt_at = at
    part = training.train(small_settings(tmp_path, data), quiet())
    assert not part.finished
    assert part.step == at + at % 2
    assert "stopped early" in (part.run / "report.html").read_text(encoding="utf-8") or part.step == 8
    counting.interrupt_at = None
    rest = training.resume(part.run, quiet())
    assert (rest.finished, rest.step) == (True, 8)
    assert_same_runs(whole.run, part.run)


def test_resume_forgets_what_came_after_the_checkpoint(
    tmp_path: Path, data: Path, counting: type[CountingEngine]
) -> None:
    whole = training.train(small_settings(tmp_path, data), quiet())
    newest = checkpoint.checkpoints_folder(whole.run) / "step-000000008" / checkpoint.STATE
    expected = timeless_records(whole.run)
    newest.write_bytes(newest.read_bytes()[:-1])
    resumed = training.resume(whole.run, quiet())
    assert resumed.finished
    assert timeless_records(whole.run) == expected


def test_a_longer_run_is_the_continuation(tmp_path: Path, data: Path, counting: type[CountingEngine]) -> None:
    short = training.train(small_settings(tmp_path, data, evaluate_every=4), quiet())
    training.resume(short.run, quiet(), updates=12)
    long = training.train(small_settings(tmp_path, data, updates=12, evaluate_every=4), quiet())
    states = final_state(short.run), final_state(long.run)
    assert states[0]["online/actor/value"].tobytes() == states[1]["online/actor/value"].tobytes()
    with pytest.raises(UsageError, match="already at step 12"):
        training.resume(short.run, quiet(), updates=10)


def test_a_full_disk_is_one_error_and_loses_nothing_saved(
    tmp_path: Path, data: Path, counting: type[CountingEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files, set when training begins, stands for the disk: a write fails in its middle."""
    short = training.train(small_settings(tmp_path, data, updates=4, evaluate_every=4), quiet())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = (short.run / "metrics.jsonl").stat().st_size + 50

    def full(self: CountingEngine, state: FlatState) -> FlatState:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        return state

    with monkeypatch.context() as patch:
        patch.setattr(counting, "restore", full)
        try:
            with pytest.raises(CheckpointError, match=r"metrics.jsonl: cannot be written \(File too large\)"):
                training.resume(short.run, quiet(), updates=8)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.load_latest(short.run).step == 4
    resumed = training.resume(short.run, quiet(), updates=8)
    whole = training.train(small_settings(tmp_path, data, updates=8, evaluate_every=4), quiet())
    states = final_state(resumed.run), final_state(whole.run)
    assert states[0]["online/actor/value"].tobytes() == states[1]["online/actor/value"].tobytes()


def test_two_processes_do_not_train_one_run(tmp_path: Path, data: Path, counting: type[CountingEngine]) -> None:
    done = training.train(small_settings(tmp_path, data), quiet())
    before = (done.run / "metrics.jsonl").read_bytes()
    holding = "import sys, time; from pathlib import Path; from veloq.training.run_lock import only_process\n"
    holding += "with only_process(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", holding, str(done.run)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="another process is training this run"):
            training.resume(done.run, quiet(), updates=12)
    finally:
        other.kill()
        other.communicate()
    assert (done.run / "metrics.jsonl").read_bytes() == before
    assert training.resume(done.run, quiet(), updates=12).finished


def test_divergence_stops_the_run_and_keeps_the_checkpoint(
    tmp_path: Path, data: Path, counting: type[CountingEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting.diverge_at = 8
    monkeypatch.setattr(loop, "trace", lambda *about: None)
    with pytest.raises(DivergenceError, match=r"loss of seed 0 .* between steps 6 and 8; checkpoint of step 6"):
        training.train(small_settings(tmp_path, data), quiet())
    (run,) = tmp_path.glob("qam-*")
    assert checkpoint.load_latest(run).step == 6
    assert (run / "report.html").is_file()


def test_resume_refuses_other_data_and_other_checkpoints(
    tmp_path: Path, data: Path, counting: type[CountingEngine]
) -> None:
    done = training.train(small_settings(tmp_path / "runs", data), quiet())
    other = training.train(small_settings(tmp_path / "runs", data, seeds=(5,)), quiet())
    for folder in checkpoint.checkpoints_folder(done.run).iterdir():
        folder.rename(
            checkpoint.checkpoints_folder(other.run) / f"step-{folder.name[5:].replace('00000000', '99999999')}"
        )
    assert training.resume(done.run, quiet()).finished, "without any checkpoint it starts from the seeds"
    found = checkpoint.load_latest(other.run, RunFolder.open(other.run).identity)
    assert len(found.rejected) == 2
    assert "belongs to another run" in found.rejected[0]
    make("pointmaze-medium-navigate-v0", 2000, seed=1, workers=1, directory=tmp_path / "d", source="regenerate")
    with pytest.raises(DataError, match="not the file that this run was trained on"):
        training.resume(other.run, quiet(), data_directory=tmp_path / "d")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_each_engine_resumes_bit_for_bit(
    tmp_path: Path, data: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(backend)
    real = backends.engine_class(backend)
    settings = small_settings(tmp_path, data, backend=backend, updates=6, evaluate_every=6)
    whole = training.train(settings, quiet())

    class Interrupting(real):  # type: ignore[misc, valid-type]
        """Interrupts after its first dispatch."""

        def run(self, state: Any, updates: int) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().run(state, updates)

    monkeypatch.setattr(training, "engine_class", lambda name: Interrupting)
    part = training.train(settings, quiet())
    assert (part.finished, part.step) == (False, 2)
    monkeypatch.setattr(training, "engine_class", lambda name: real)
    training.resume(part.run, quiet())
    assert_same_runs(whole.run, part.run)


@pytest.mark.slow
def test_a_compiled_run_trains_as_an_eager_one(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    states, real, handed = {}, torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda function: handed.append(function) or real(function))
    for compiled in (False, True):
        sizes: dict[str, Any] = {"updates": 2, "evaluate_every": 2, "seeds": (0,)}
        settings = small_settings(tmp_path, data, method="bc", backend="torch", compile=compiled, **sizes)
        folder = RunFolder.open(training.train(settings, quiet()).run)
        assert training.stored_settings(folder).compile is compiled
        assert len(handed) == compiled
        states[compiled] = checkpoint.load_latest(folder.path, folder.identity).state
    for path, eager in states[False].items():
        assert np.abs(states[True][path] - eager).max() < 1e-5, path


@pytest.mark.slow
@pytest.mark.parametrize("method", ALGORITHMS)
def test_a_policy_acts_alike_on_every_backend(method: str) -> None:
    for framework in ("jax", "torch"):
        pytest.importorskip(framework)
    algorithm, dimensions = ALGORITHMS[method], Dimensions(2, 4)
    config = make_config(algorithm, small_values(algorithm, {**SIZES, "best_of_n": 2}))
    declared = algorithm.declared(config, dimensions)
    online = initial_parameters(declared, seed=0)
    # Averages differ from the online parameters, or a confusion of the two would go unseen.
    target = {name: initial_parameters(declared, seed=1)[name] for name in algorithm.averages}
    observations = np.random.default_rng(0).uniform(0, 20, (7, 2)).astype(np.float32)
    noise = decision_noise(algorithm, config, dimensions, (7,))
    for behaviour in (False, True)[: 1 + (algorithm.behaviour is not None)]:
        actions = {
            name: policy_function(name)(algorithm, config, dimensions, online, target, behaviour)(observations, noise)
            for name in backends.ACTING_BACKENDS
        }
        for name in ("jax", "torch"):
            assert actions[name].shape == (7, 4)
            assert actions[name].dtype == np.float32
            assert np.abs(actions[name] - actions["reference"]).max() < 1e-5, name


@pytest.mark.slow
@pytest.mark.parametrize("trained_on", ["jax", "torch"])
def test_a_run_acts_alike_on_every_backend(tmp_path: Path, data: Path, trained_on: str) -> None:
    for framework in ("jax", "torch"):
        pytest.importorskip(framework)
    config = {"best_of_n": 2}
    settings = small_settings(tmp_path, data, backend=trained_on, updates=2, evaluate_every=2, config=config)
    run = training.train(settings, quiet()).run
    observations = np.random.default_rng(0).uniform(0, 20, (7, 2)).astype(np.float32)
    noise = decision_noise(settings.algorithm, settings.config, Dimensions(2, 4), (7,))
    for behaviour in (False, True):
        for seed in settings.seeds:
            actions = {
                name: load_policy(run, name, seed, behaviour)(observations, noise) for name in backends.ACTING_BACKENDS
            }
            for name in ("jax", "torch"):
                assert np.abs(actions[name] - actions["reference"]).max() < 1e-5, name
    with pytest.raises(UsageError, match="has no seed 9"):
        load_policy(run, trained_on, 9)
    assert evaluate_run(run, trained_on, episodes=1).success.shape == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_checkpoint_a_report_and_a_way_on(tmp_path: Path, data: Path, number: int) -> None:
    pytest.importorskip("jax")
    line = f"train qam --env {ENV} --directory {tmp_path} --data-directory {data} --updates 1000000 --dispatch 5"
    sizes = "--config.hidden 8 --config.flow-steps 2 --config.chunk 2 --config.batch-size 8 --evaluate-every 999999"
    process = subprocess.Popen(
        [sys.executable, "-m", "veloq", *line.split(), *sizes.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_metrics(tmp_path, process)
        process.send_signal(number)
        said, complaints = process.communicate(timeout=120)
    finally:
        process.kill()
    (run,) = tmp_path.glob("qam-*")
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 0}[signal.Signals(number)], complaints
    assert "Traceback" not in complaints
    assert said.strip().splitlines()[-1].endswith(f"continue with: veloq train --resume {run}")
    assert "stopped early" in (run / "report.html").read_text(encoding="utf-8")
    assert checkpoint.load_latest(run, RunFolder.open(run).identity).step >= 5


def wait_for_metrics(directory: Path, process: subprocess.Popen[str]) -> None:
    """Return once the run in `directory` has written a line of metrics."""
    deadline = time.monotonic() + 180
    while not any(file.stat().st_size for file in directory.glob("qam-*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no line of metrics within three minutes"
        time.sleep(0.2)
