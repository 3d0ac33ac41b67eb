"""Adjoint matching as discretised, for random networks and shapes: ADJ-3, ADJ-4, ADJ-5."""

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import SEEDS, fast, kernel, memoryless_variance, normals
from veloq.verification.profiles import examples

# (steps, batch, action): few, so that compiled backends compile few programs.
SHAPES = st.sampled_from([(1, (), 1), (4, (3,), 2), (7, (2, 2), 3)])
KERNELS = ["lean_adjoint", "lean_adjoint_heun"]


def lean_step(backend: Backend, weights: Any, x: Any, later: Any, T: int) -> Any:
    """The map x + h (2 base(x, t_i+h) - x/(t_i+h)), whose transposed Jacobian the released recursion applies."""
    base = velocity(backend.xp, weights, x, later + backend.xp.zeros_like(x[..., :1]))
    return x + (2 * base - x / later) / T


def one_step(backend: Backend, T: int, weights: Any, later: Any, g_next: Any, x: Any) -> Any:
    """g_{i+1}·step(x), whose gradient is one step of the recursion."""
    return backend.xp.sum(g_next * lean_step(backend, weights, x, later, T))


def trajectory(backend: Backend, T: int, weights: Any, x: Any) -> Any:
    """All states of the composed steps from x."""
    states = [x]
    for i in range(T):
        states.append(lean_step(backend, weights, states[-1], (i + 1) / T, T))
    return backend.xp.stack(states, axis=0)


def end_value(backend: Backend, T: int, weights: Any, terminal: Any, x: Any) -> Any:
    """terminal·x_T at the end of the trajectory from x."""
    return backend.xp.sum(terminal * trajectory(backend, T, weights, x)[-1, ...])


def network_adjoint(backend: Backend, name: str, weights: Any, xs: Any, terminal: Any) -> Any:
    """One of the two lean adjoints, of a network as base."""
    return getattr(backend.K, name)(lambda x, t: velocity(backend.xp, weights, x, t), xs, terminal)


def drawn_weights(backend: Backend, seed: int, action: int) -> Any:
    """A random network's weights as arrays of `backend`."""
    return on(backend, MLPField(seed, action).weights, "float64")


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(25))
@check("ADJ-3", "g_i = autodiff of x + h(2 base(x, t_i+h) - x/(t_i+h)) at any xs[i], applied to g_{i+1}")
def test_each_step_is_a_transposed_jacobian(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    weights = drawn_weights(backend, seed, action)
    xs = normals(backend, seed, T + 1, *batch, action)
    terminal = normals(backend, seed + 1, *batch, action)
    gs = backend.numpy(fast(backend, network_adjoint, "lean_adjoint")(weights, xs, terminal))
    assert_exact(gs[T], backend.numpy(terminal), "gs[T]")
    for i in range(T):
        step = functools.partial(
            fast(backend, one_step, T), weights, backend.array((i + 1) / T), backend.array(gs[i + 1])
        )
        assert_close(gs[i], backend.grad(step, xs[i, ...])[0], "recursion", "one step")


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(25))
@check("ADJ-3", "along its own trajectory g_0 is the gradient of terminal·x_T through all composed steps")
def test_recursion_is_autodiff_through_the_trajectory(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    weights = drawn_weights(backend, seed, action)
    start, terminal = (normals(backend, seed + k, *batch, action) for k in (0, 1))
    xs = fast(backend, trajectory, T)(weights, start)
    gs = backend.numpy(fast(backend, network_adjoint, "lean_adjoint")(weights, xs, terminal))
    value = functools.partial(fast(backend, end_value, T), weights, terminal)
    assert_close(gs[0], backend.grad(value, start)[0], "recursion", "gradient through the trajectory")


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
        return kernel(backend, "adjoint_matching_loss")(v, v_base, gs)

    def total(v: Any) -> Any:
        return backend.xp.sum(loss(v))

    axes = (0, best.ndim - 1)
    # Each summand is the square of a difference of numbers below 30, rounded at 1e-16 of that size.
    assert_at_most(backend.numpy(loss(backend.array(best))), 1e-26 * T * action, "loss at the optimum")
    at_best = backend.grad(total, backend.array(best))[0]
    # 8/s² ≤ 16 times the rounding of v, up to 25 where s² is large and a few where it is small.
    assert_at_most(np.abs(at_best), 1e-13, "gradient at the optimum")
    assert_exact(
        backend.numpy(kernel(backend, "adjoint_matching_loss")(v_base, v_base, 0 * gs)), np.zeros(batch), "no Q"
    )
    unread = backend.array(np.concatenate([backend.numpy(gs)[:T], 1e6 + backend.numpy(gs)[T:]]))
    at_end = kernel(backend, "adjoint_matching_loss")(backend.array(best), v_base, unread)
    assert_exact(backend.numpy(at_end), backend.numpy(loss(backend.array(best))), "the terminal value is not read")
    moved = backend.array(best + d)
    assert_close(backend.numpy(loss(moved)), (4 * d**2 / variance).sum(axis=axes), "loss", "loss")
    assert_close(backend.grad(total, moved)[0], 8 * d / variance, "loss", "gradient of the loss")


@pytest.mark.parametrize("name", KERNELS)
@given(shape=SHAPES, seed=SEEDS, a=st.floats(-3.0, 3.0), b=st.floats(-3.0, 3.0))
@settings(max_examples=examples(20))
@check("ADJ-5", "the lean adjoint is linear in its terminal value, and zero for zero")
def test_linear_in_the_terminal(backend: Backend, name: str, shape: Any, seed: int, a: float, b: float) -> None:
    T, batch, action = shape
    weights = drawn_weights(backend, seed, action)
    xs = normals(backend, seed, T + 1, *batch, action)
    first, second = (normals(backend, seed + k, *batch, action) for k in (1, 2))

    def run(terminal: Any) -> Any:
        return backend.numpy(fast(backend, network_adjoint, name)(weights, xs, terminal))

    assert_close(run(a * first + b * second), a * run(first) + b * run(second), "recursion", "linearity")
    assert_exact(run(0 * first), np.zeros((T + 1, *batch, action)), "adjoint of a zero terminal")


def weighted_adjoint(
    backend: Backend, name: str, weights: Any, weight: Any, gain: Any, offset: Any, xs: Any, terminal: Any
) -> Any:
    """weight·gs of the base gain v(x + offset, t), to be differentiated in its last four arguments."""

    def base(x: Any, t: Any) -> Any:
        return gain * velocity(backend.xp, weights, x + offset, t)

    return backend.xp.sum(weight * getattr(backend.K, name)(base, xs, terminal))


@pytest.mark.parametrize("name", KERNELS)
@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(12))
@check("ADJ-5", "no gradient flows through the lean adjoint to the base's parameters, the path or the terminal")
def test_no_gradient_flows(backend: Backend, name: str, shape: Any, seed: int) -> None:
    T, batch, action = shape
    weight = normals(backend, seed + 2, T + 1, *batch, action)
    value = functools.partial(fast(backend, weighted_adjoint, name), drawn_weights(backend, seed, action), weight)
    arguments = {
        "gain": normals(backend, seed + 3, action),
        "offset": normals(backend, seed + 4, action),
        "xs": normals(backend, seed, T + 1, *batch, action),
        "terminal": normals(backend, seed + 1, *batch, action),
    }
    for argument, gradient in zip(arguments, backend.grad(value, *arguments.values()), strict=True):
        assert_exact(gradient, np.zeros(gradient.shape), f"gradient to {argument}")
