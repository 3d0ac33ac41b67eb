"""Every kernel on both backends: float32, precision `highest`, batch 256, action dimension 25."""

from typing import Any

import pytest

from veloq.bench.runners import RUNNERS
from veloq.core.rows import SPECS

FORWARD = [(name, backend) for name in SPECS for backend in RUNNERS]
GRADIENT = [
    (name, backend)
    for name, spec in SPECS.items()
    for backend in RUNNERS
    if any(arg.gradient and arg.kind != "scalar" for arg in spec.args)
]


@pytest.mark.parametrize(("name", "backend"), FORWARD)
def test_forward(benchmark: Any, name: str, backend: str) -> None:
    benchmark.group = "forward"
    benchmark(RUNNERS[backend](SPECS[name], gradient=False))


@pytest.mark.parametrize(("name", "backend"), GRADIENT)
def test_gradient(benchmark: Any, name: str, backend: str) -> None:
    benchmark.group = "gradient"
    benchmark(RUNNERS[backend](SPECS[name], gradient=True))
