"""Adjoint matching as discretised, for random networks and shapes: ADJ-3, ADJ-4, ADJ-5."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField
from veloq.verification.gaussian_cases import SEEDS, memoryless_variance, normals, times
from veloq.verification.profiles import examples

# (steps, batch, action): few, so that compiled backends compile few programs.
SHAPES = st.sampled_from([(1, (), 1), (4, (3,), 2), (7, (2, 2), 3)])
KERNELS = ["lean_adjoint", "lean_adjoint_heun"]


def lean_step(backend: Backend, base: Any, x: Any, i: int, T: int) -> Any:
    """The map x + h (2 base(x, t_i+h) - x/(t_i+h)), whose transposed Jacobian the released recursion applies."""
    later = (i + 1) / T
    return x + (2 * base(x, times(backend, tuple(x.shape[:-1]), later)) - x / later) / T


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(25))
@check("ADJ-3", "g_i = autodiff of x + h(2 base(x, t_i+h) - x/(t_i+h)) at any xs[i], applied to g_{i+1}")
def test_each_step_is_a_transposed_jacobian(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    base = MLPField(seed, action).field(backend)
    xs = normals(backend, seed, T + 1, *batch, action)
    terminal = normals(backend, seed + 1, *batch, action)
    gs = backend.numpy(backend.K.lean_adjoint(base, xs, terminal))
    assert_exact(gs[T], backend.numpy(terminal), "gs[T]")
    for i in range(T):
        g_next = backend.array(gs[i + 1])
        pulled = backend.grad(
            lambda x, i=i, g_next=g_next: backend.xp.sum(g_next * lean_step(backend, base, x, i, T)), xs[i, ...]
        )
        assert_close(gs[i], pulled[0], "recursion", "one step")


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(25))
@check("ADJ-3", "along its own trajectory g_0 is the gradient of terminal·x_T through all composed steps")
def test_recursion_is_autodiff_through_the_trajectory(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    base = MLPField(seed, action).field(backend)
    terminal = normals(backend, seed + 1, *batch, action)
    states = [normals(backend, seed, *batch, action)]
    for i in range(T):
        states.append(lean_step(backend, base, states[-1], i, T))

    def reward(x: Any) -> Any:
        for i in range(T):
            x = lean_step(backend, base, x, i, T)
        return backend.xp.sum(terminal * x)

    gs = backend.numpy(backend.K.lean_adjoint(base, backend.xp.stack(states, axis=0), terminal))
    assert_close(gs[0], backend.grad(reward, states[0])[0], "recursion", "gradient through the trajectory")


def scale_of_steps(T: int, batch: tuple[int, ...]) -> Any:
    """s_i² for i = 0..T-1, shaped to multiply (T, *batch, A)."""
    return memoryless_variance(np.arange(T) / T, 1 / T).reshape(T, *(1 for _ in batch), 1)


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(60))
@check("ADJ-4", "the loss vanishes with its gradient at v_base - s_i² g_i/2 and is Σ 4 d²/s_i² at distance d from it")
def test_loss_is_a_parabola_around_the_optimum(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    v_base = normals(backend, seed, T, *batch, action)
    gs = normals(backend, seed + 1, T + 1, *batch, action)
    variance = scale_of_steps(T, batch)
    best = backend.numpy(v_base) - variance * backend.numpy(gs)[:T] / 2
    d = np.random.default_rng(seed + 2).standard_normal(best.shape)

    def loss(v: Any) -> Any:
        return backend.K.adjoint_matching_loss(v, v_base, gs)

    total = lambda v: backend.xp.sum(loss(v))  # noqa: E731
    axes = (0, best.ndim - 1)
    # Each summand is the square of a difference of numbers below 30, rounded at 1e-16 of that size.
    assert_at_most(backend.numpy(loss(backend.array(best))), 1e-26 * T * action, "loss at the optimum")
    at_best = backend.grad(total, backend.array(best))[0]
    assert_close(at_best, np.zeros_like(best), "reduction", "gradient at the optimum")
    moved = backend.array(best + d)
    assert_close(backend.numpy(loss(moved)), (4 * d**2 / variance).sum(axis=axes), "reduction", "loss")
    assert_close(backend.grad(total, moved)[0], 8 * d / variance, "reduction", "gradient of the loss")


@pytest.mark.parametrize("name", KERNELS)
@given(shape=SHAPES, seed=SEEDS, a=st.floats(-3.0, 3.0), b=st.floats(-3.0, 3.0))
@settings(max_examples=examples(20))
@check("ADJ-5", "the lean adjoint is linear in its terminal value, and zero for zero")
def test_linear_in_the_terminal(backend: Backend, name: str, shape: Any, seed: int, a: float, b: float) -> None:
    T, batch, action = shape
    base = MLPField(seed, action).field(backend)
    xs = normals(backend, seed, T + 1, *batch, action)
    first, second = (normals(backend, seed + k, *batch, action) for k in (1, 2))

    def run(terminal: Any) -> Any:
        return backend.numpy(getattr(backend.K, name)(base, xs, terminal))

    assert_close(run(a * first + b * second), a * run(first) + b * run(second), "recursion", "linearity")
    assert_exact(run(0 * first), np.zeros((T + 1, *batch, action)), "adjoint of a zero terminal")


@pytest.mark.parametrize("name", KERNELS)
@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(12))
@check("ADJ-5", "no gradient flows through the lean adjoint to the base's parameters, the path or the terminal")
def test_no_gradient_flows(backend: Backend, name: str, shape: Any, seed: int) -> None:
    T, batch, action = shape
    base = MLPField(seed, action).field(backend)
    xs = normals(backend, seed, T + 1, *batch, action)
    terminal = normals(backend, seed + 1, *batch, action)
    weight = normals(backend, seed + 2, T + 1, *batch, action)
    gain, offset = normals(backend, seed + 3, action), normals(backend, seed + 4, action)

    def value(gain: Any, offset: Any, xs: Any, terminal: Any) -> Any:
        gs = getattr(backend.K, name)(lambda x, t: gain * base(x + offset, t), xs, terminal)
        return backend.xp.sum(weight * gs)

    gradients = backend.grad(value, gain, offset, xs, terminal)
    for argument, gradient in zip(("gain", "offset", "xs", "terminal"), gradients, strict=True):
        assert_exact(gradient, np.zeros(gradient.shape), f"gradient to {argument}")
