"""What the benchmarks work out from times and sizes: counts, bounds, exponents, records, the merging of stored runs."""

import importlib
import json
import sys

import numpy as np
from tree import ROOT

from veloq import command
from veloq.bench.one_update import peak_host_bytes
from veloq.bench.roofline import Rates, Work, bound, work
from veloq.bench.scaling import fitted, mapped_seconds
from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_close, assert_exact

BATCH, WIDTH, ACTION, STEPS = 256, 256, 25, 10


def test_operations_of_the_matrix_products_are_all_counted():
    # The field sees the action and the time twice, has two hidden layers and is called at each step.
    weights = (ACTION + 2) * WIDTH + WIDTH**2 + WIDTH * ACTION
    assert_exact(work(SPECS["euler"], gradient=False).flops, 2 * BATCH * weights * STEPS)
    # A product of each kind goes through the network for the value and one for the pullback to its input.
    adjoint = work(SPECS["lean_adjoint"], gradient=False).flops
    assert_exact(adjoint, 2 * 2 * BATCH * weights * STEPS)


def test_bytes_are_arguments_read_and_results_written_once():
    assert_exact(work(SPECS["expectile_loss"], gradient=False), Work(0, 4 * 2 * BATCH))


def test_the_bound_is_the_longer_of_both_times():
    rates = Rates(flops=100.0, bytes=10.0)
    assert_exact([bound(Work(200, 10), rates), bound(Work(200, 50), rates)], [2.0, 5.0])


def test_the_exponent_is_that_of_the_power_law():
    values = [1, 2, 4, 8]
    row = fitted("width", "jax", values, [3.0 * value**1.5 for value in values])
    assert_close(np.asarray(row["exponent"]), np.asarray(1.5), "elementwise", "exponent")


def test_gathering_from_a_file_takes_time():
    assert mapped_seconds(rows=1000, batches=1) > 0


def test_peak_memory_covers_what_was_touched():
    ballast = np.ones(1 << 24, np.float32)
    assert peak_host_bytes() > ballast.nbytes


def test_veloq_bench_stores_where_and_on_what_it_measured(tmp_path, monkeypatch):
    # pytest-benchmark measures nothing in a process that it takes for one of xdist's workers.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    arguments = ["--output", str(tmp_path), "--device", "cpu", "--precision", "fast"]
    assert command.main(["bench", *arguments, "-k", "test_forward and flow_td_target-torch"]) == 0
    (stored,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    case = "test_forward[flow_td_target-torch]"
    assert list(stored["median_seconds"]) == list(stored["cases"]) == [case]
    assert stored["precision"] == "float32, fast"
    assert "CPU" in stored["device"]
    assert stored["cases"][case]["bound"] > 0


def test_stored_runs_of_one_commit_and_place_are_read_as_one(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    pages = importlib.import_module("generate_performance")
    place = {"device": "d", "precision": "p", "versions": {}, "commit": "c"}
    first = {**place, "when": "1", "median_seconds": {"a": 1.0, "b": 1.0}}
    second = {**place, "when": "2", "median_seconds": {"b": 2.0}, "sections": {"memory": []}}
    other = {**place, "when": "0", "commit": "e", "median_seconds": {"a": 9.0}}
    old, new = pages.merged([second, first, other])
    assert new["median_seconds"] == {"a": 1.0, "b": 2.0}
    assert new["sections"] == {"memory": []}
    assert pages.newest([new, old]) == [new]
