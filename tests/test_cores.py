"""Processes of a parallel run: each has cores of its own."""

import os

import pytest

from veloq.verification import cores

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """Every core is taken, by one worker alone unless there are more workers than cores; torch uses as many threads."""
    taken: list[list[int]] = []
    threads: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5, 6}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, own: taken.append(own), raising=False)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for place in range(workers):
        cores.keep_to_share({"workerid": f"gw{place}", "workercount": workers})
    assert {core for own in taken for core in own} == {0, 1, 5, 6}
    assert sum(map(len, taken)) == max(4, workers)
    assert threads == [len(own) for own in taken]
