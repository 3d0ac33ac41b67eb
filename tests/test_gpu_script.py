"""bench/gpu.sh on the CPU: it does each step once, continues runs, and stops at the end of its slice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOT

from veloq.training.data import make

TINY = (
    "--preset",
    "quick",
    "--backend",
    "torch",
    "--curve-episodes",
    "1",
    "--episodes",
    "1",
    "--evaluate-every",
    "1000",
)
SIZES = ("--config.hidden", "8", "--config.batch-size", "8", "--config.flow-steps", "2", "--config.critics", "2")
LEFT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    make("pointmaze-medium-navigate-v0", 2000, workers=1, directory=folder / "data", source="regenerate")
    return folder


def script(folder: Path, updates: int, seconds: int = 300) -> subprocess.CompletedProcess[str]:
    # pytest-benchmark measures nothing in a process that it takes for one of xdist's workers.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    variables = {**inherited, "PYTHON": sys.executable, "VELOQ_DATA": str(folder / "data"), "OUT": str(folder / "out")}
    own = ["--device", "cpu", "--seeds", "1", "--updates", str(updates), "--seconds", str(seconds)]
    command = ["bash", str(ROOT / "bench" / "gpu.sh"), *own, "--", *TINY, *SIZES]
    return subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, check=False)


def last_step(folder: Path, method: str) -> int:
    lines = (folder / "out" / method / "metrics.jsonl").read_text().splitlines()
    return max(json.loads(line)["step"] for line in lines)


def test_it_ends_in_slices_and_each_step_is_done_once(folder: Path) -> None:
    none = script(folder, updates=200, seconds=0)
    assert (none.returncode, none.stdout) == (LEFT, "slice over during bench; call again to go on\n")

    whole = script(folder, updates=200)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert [last_step(folder, method) for method in ("qam", "fql")] == [200, 200]
    assert len(list((folder / "out" / "bench").glob("*.json"))) == 1
    assert list((folder / "out" / "qam").glob("*.png"))

    again = script(folder, updates=200)
    assert (again.returncode, again.stdout.count("==")) == (0, 0)

    # What did not end well is named at the end of every call.
    (folder / "out" / "bench.done").write_text("exit 124\n")
    failed = script(folder, updates=200)
    assert (failed.returncode, failed.stdout) == (1, "did not end well: bench, exit 124 (124: longer than a slice)\n")

    # As if the last slice had ended here: the run goes on where it was, until this slice ends.
    (folder / "out" / "qam.done").unlink()
    cut = script(folder, updates=10**9, seconds=8)
    assert cut.returncode == LEFT, cut.stdout + cut.stderr
    assert "at step 200" in (folder / "out" / "qam.log").read_text()
