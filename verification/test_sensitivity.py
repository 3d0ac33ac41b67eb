"""How samples move with the noise they start from: FM-2, MF-4, REV-1, REV-2."""

import functools
from typing import Any

import pytest
from hypothesis import given, settings

from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.gaussian_cases import SEEDS, fast, gaussian_flows, normals, parameters
from veloq.verification.profiles import examples

FLOWS = gaussian_flows(low=0.5, high=2.0, actions=(3,))
BATCH, STEPS, ITERATIONS = 4, 3, 5


def solved(backend: Backend, name: str, mean: Any, std: Any, x: Any) -> Any:
    """A solver of a Gaussian flow, whose velocity is affine in x."""
    return getattr(backend.K, name)(GaussianFlow(mean, std).velocity(backend.xp), x, STEPS)


def turned_back(backend: Backend, mean: Any, std: Any, x: Any) -> Any:
    """`reverse_euler` of a Gaussian flow, to times between 0 and 1."""
    t = backend.xp.reshape(backend.array([0.0, 0.3, 0.6, 0.9]), (BATCH, 1))
    return backend.K.reverse_euler(GaussianFlow(mean, std).velocity(backend.xp), x, t, STEPS)


def inverted(backend: Backend, mean: Any, std: Any, x: Any) -> Any:
    """`invert_euler` of a Gaussian flow."""
    return backend.K.invert_euler(GaussianFlow(mean, std).velocity(backend.xp), x, STEPS, ITERATIONS)[0]


def sampled(backend: Backend, mean: Any, std: Any, x: Any) -> Any:
    """`meanflow_sample` of a Gaussian flow's average velocity, which is affine as well."""
    return backend.K.meanflow_sample(GaussianFlow(mean, std).average_velocity(backend.xp), x)


def assert_derivative_of_affine(backend: Backend, run: Any, flow: GaussianFlow, seed: int) -> None:
    """J d = f(x + d) - f(x), without remainder, in forward mode."""
    x, d = (normals(backend, seed + k, BATCH, 3) for k in (0, 1))
    at = functools.partial(run, *parameters(backend, flow))
    moved = backend.numpy(at(x + d)) - backend.numpy(at(x))
    assert_close(backend.jvp(at, [x], [d]), moved, "recursion", "derivative along d")


@pytest.mark.parametrize("name", ["euler", "euler_path", "midpoint", "heun"])
@given(flow=FLOWS, seed=SEEDS)
@settings(max_examples=examples(20))
@check("FM-2", "Gaussian flow: every solver is affine in the noise, its derivative along d is f(x+d) - f(x) exactly")
def test_solvers(backend: Backend, name: str, flow: GaussianFlow, seed: int) -> None:
    assert_derivative_of_affine(backend, fast(backend, solved, name), flow, seed)


@given(flow=FLOWS, seed=SEEDS)
@settings(max_examples=examples(20))
@check("MF-4", "Gaussian flow: the one-step sample's derivative along d is f(x+d) - f(x) = s d exactly")
def test_one_step_sample(backend: Backend, flow: GaussianFlow, seed: int) -> None:
    assert_derivative_of_affine(backend, fast(backend, sampled), flow, seed)


@given(flow=FLOWS, seed=SEEDS)
@settings(max_examples=examples(20))
@check("REV-1", "Gaussian flow: the reversal's derivative along d is f(x+d) - f(x) exactly")
def test_reversal(backend: Backend, flow: GaussianFlow, seed: int) -> None:
    assert_derivative_of_affine(backend, fast(backend, turned_back), flow, seed)


@given(flow=FLOWS, seed=SEEDS)
@settings(max_examples=examples(20))
@check("REV-2", "Gaussian flow: the inverse's derivative along d is f(x+d) - f(x) exactly, converged or not")
def test_inverse(backend: Backend, flow: GaussianFlow, seed: int) -> None:
    assert_derivative_of_affine(backend, fast(backend, inverted), flow, seed)
