"""A run that is killed again and again ends bit for bit as one that never was."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import timeless_records

from veloq.training import checkpoint

SCRIPT = Path(__file__).with_name("killed_run.py")
KILLS_IN_ALL, KILLS = 25, 2  # of each backend with --faults; without it of one backend, another one every day


def session(fuse: int, runs: Path, data: Path, backend: str, phase: str) -> int | None:
    """Start or resume the run of a folder; the number of its events, None when it was killed."""
    begun = [run for run in runs.glob("bc-*") if (run / "config.json").is_file()]
    command = [sys.executable, str(SCRIPT), str(fuse), str(runs), str(data), backend, phase, *map(str, begun)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return int(done.stdout) if done.returncode == 0 else None


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["offline", "online", "beside"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_killed_runs_end_as_one_that_never_was(
    tmp_path: Path, data: Path, backend: str, phase: str, request: pytest.FixtureRequest
) -> None:
    """SIGKILL at events drawn uniformly; every killed run is resumed until it ends."""
    pytest.importorskip(backend)
    everything = request.config.getoption("--faults")
    if not everything and int(os.environ["VELOQ_TENTH"]) % 2 != (backend == "torch"):
        pytest.skip("the other backend's day; --faults runs both")
    wanted, kills, chain = (KILLS_IN_ALL if everything else KILLS), 0, 0
    rng = random.Random(f"{backend} {os.environ['VELOQ_TENTH']}")
    whole = tmp_path / "whole"
    events = session(0, whole, data, backend, phase)
    assert events is not None
    while kills < wanted:
        chain += 1
        runs = tmp_path / f"chain-{chain}"
        while session(rng.randint(1, events) if kills < wanted else 0, runs, data, backend, phase) is None:
            kills += 1
        assert_same(whole, runs)
    print(f"{backend} {phase}: {kills} kills survived in {chain} runs of {events} events")


def assert_same(whole: Path, killed: Path) -> None:
    """Same metrics and, bit for bit, the same checkpoints; nothing half-written is left."""
    (first,), (second,) = (
        [run for run in runs.glob("bc-*") if (run / "config.json").is_file()] for runs in (whole, killed)
    )
    assert timeless_records(first) == timeless_records(second)
    wanted, found = checkpoint.load_latest(first), checkpoint.load_latest(second)
    assert (wanted.step, wanted.state.keys()) == (found.step, found.state.keys())
    assert not found.rejected
    for mine, theirs in ((wanted.state, found.state), (wanted.experience or {}, found.experience or {})):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            assert value.tobytes() == np.asarray(theirs[name]).tobytes(), name
    left = {path.name for path in second.iterdir()} - {path.name for path in first.iterdir()}
    assert not left
    kept, found_there = (sorted(path.name for path in (run / "checkpoints").iterdir()) for run in (first, second))
    # A kill may spare the checkpoint that was to go, until the next one is written.
    assert found_there[-len(kept) :] == kept
    assert all(name.startswith("step-") for name in found_there)
