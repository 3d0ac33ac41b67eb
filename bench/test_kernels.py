"""Every kernel on both backends, float32, batch 256, action dimension 25; beside it the reference, the hand-written
form where there is one, and the bound that the device sets."""

from typing import Any

import pytest

from veloq.bench import roofline
from veloq.bench.runners import HAND, RUNNERS, reference_runner
from veloq.core.rows import SPECS

FORWARD = [(name, backend) for name in SPECS for backend in RUNNERS]
GRADIENT = [
    (name, backend)
    for name, spec in SPECS.items()
    for backend in RUNNERS
    if any(arg.gradient and arg.kind != "scalar" for arg in spec.args)
]


def note_bound(benchmark: Any, name: str, backend: str, gradient: bool) -> None:
    work, rates = roofline.work(SPECS[name], gradient), roofline.rates(backend)
    benchmark.extra_info |= {**work._asdict(), "rates": rates._asdict(), "bound": roofline.bound(work, rates)}


@pytest.mark.parametrize(("name", "backend"), FORWARD)
def test_forward(benchmark: Any, name: str, backend: str) -> None:
    benchmark.group = "forward"
    note_bound(benchmark, name, backend, gradient=False)
    benchmark(RUNNERS[backend](SPECS[name], gradient=False))


@pytest.mark.parametrize(("name", "backend"), GRADIENT)
def test_gradient(benchmark: Any, name: str, backend: str) -> None:
    benchmark.group = "gradient"
    note_bound(benchmark, name, backend, gradient=True)
    benchmark(RUNNERS[backend](SPECS[name], gradient=True))


@pytest.mark.parametrize("backend", RUNNERS)
@pytest.mark.parametrize("name", HAND)
def test_by_hand(benchmark: Any, name: str, backend: str) -> None:
    benchmark.group = "forward"
    benchmark(RUNNERS[backend](SPECS[name], gradient=False, by_hand=True))


@pytest.mark.parametrize("name", HAND)
def test_reference(benchmark: Any, name: str) -> None:
    benchmark.group = "forward"
    benchmark.pedantic(reference_runner(SPECS[name]), rounds=1, iterations=1)
