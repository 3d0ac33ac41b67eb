"""The memoryless SDE and the exact adjoint of its control problem: ADJ-7, ADJ-8."""

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import SEEDS, fast, gaussian_flows, memoryless_variance, normals, parameters
from veloq.verification.profiles import examples

SHAPES = st.sampled_from([(1, (), 1), (2, (3,), 2), (4, (2, 2), 3)])


def gaussian_rollout(backend: Backend, mean: Any, std: Any, x0: Any, noises: Any) -> Any:
    """The memoryless SDE of a Gaussian flow."""
    field = GaussianFlow(mean, std).velocity(backend.xp)
    return backend.K.memoryless_sde(field, field, x0, noises)


def response(backend: Backend, flow: GaussianFlow, T: int) -> tuple[Any, Any]:
    """How each state depends on its T independent inputs, x_0 and the T-1 noises, and where it goes without them.

    For a field that is affine in x the rollout is an affine map of its noise. One batch entry per input is fed
    a unit vector and one is fed nothing: the covariances below are exact, nothing is sampled.

    Returns:
        gains (T+1, T, A), gain of state i to input j (j = 0 is x_0); means (T+1, A).
    """
    action = len(flow.mean)
    inputs = np.concatenate([np.eye(T), np.zeros((1, T))])
    feed = np.repeat(inputs.T[:, :, None], action, axis=2)
    feeds = backend.array(feed[0]), backend.array(feed[1:])
    xs = backend.numpy(fast(backend, gaussian_rollout)(*parameters(backend, flow), *feeds))
    return xs[:, :T] - xs[:, T:], xs[:, T]


def end_statistics(backend: Backend, flow: GaussianFlow, T: int) -> tuple[Any, Any, Any]:
    """Mean and variance of x_T, and its covariance with x_0, each of shape (A,)."""
    gains, means = response(backend, flow, T)
    return means[-1], (gains[-1] ** 2).sum(axis=0), gains[-1, 0]


# Evaluated independently when the library was designed, printed to four digits.
# s = 0.5, exact velocity; the data's variance is 0.25.
VARIANCES = [(10, 0.3157, 0.1856), (100, 0.2594, 0.2427), (1000, 0.2510, 0.2493)]
HALF = GaussianFlow(np.array([0.4]), np.array([0.5]))


@pytest.mark.parametrize(("T", "sde", "ode"), VARIANCES)
@check("ADJ-7", "variance of x(1) at s = 0.5: SDE .3157, .2594, .2510, Euler flow .1856, .2427, .2493")
def test_published_variances(backend: Backend, T: int, sde: float, ode: float) -> None:
    variance = end_statistics(backend, HALF, T)[1]
    assert_at_most(np.abs(variance - sde), 0.5e-4, "variance of the memoryless SDE")
    ends = backend.numpy(backend.K.euler(HALF.velocity(backend.xp), backend.array([[0.0], [1.0]]), T))
    assert_at_most(np.abs((ends[1] - ends[0]) ** 2 - ode), 0.5e-4, "variance of the Euler flow")


@check("ADJ-7", "at T = 10 one step lifts the variance to 2.24 where the marginal at s = 0.5 has 0.8125")
def test_first_step_is_not_marginal_preserving(backend: Backend) -> None:
    # By hand: gain 1 + h (2·(-1) - 1/h) = -0.2, so .04 + h·2(1+h)/h = .04 + 2.2.
    gains, _ = response(backend, HALF, 10)
    assert_close((gains[1] ** 2).sum(axis=0), np.array([2.24]), "recursion", "variance after one step")


@given(flow=gaussian_flows(low=0.3, high=2.5), T=st.sampled_from([2, 10, 40]))
@settings(max_examples=examples(60))
@check("ADJ-7", "gains of every state to x_0 and to each noise are the products of the affine steps' factors")
def test_gains_of_every_noise(backend: Backend, flow: Any, T: int) -> None:
    gains, means = response(backend, flow, T)
    h, expected, mean = 1 / T, np.zeros((T, len(flow.mean))), np.zeros(len(flow.mean))
    expected[0] = 1
    for i in range(T):
        t = i * h
        slope = (t * flow.std**2 - (1 - t)) / flow.variance(t)
        drift = slope * (mean - t * flow.mean) + flow.mean
        if i < T - 1:
            mean = mean + h * (2 * drift - mean / (t + h))
            expected = expected * (1 + h * (2 * slope - 1 / (t + h)))
            expected[i + 1] = np.sqrt(h * memoryless_variance(t, h))
        else:
            mean, expected = mean + h * drift, expected * (1 + h * slope)
        assert_close(gains[i + 1], expected, "recursion", "gains")
        assert_close(means[i + 1], mean, "recursion", "mean")


@given(flow=gaussian_flows(low=0.4, high=2.0, actions=(2,)))
@settings(max_examples=examples(8))
@check("ADJ-7", "memoryless: variance tends to s² and mean to m with order 1, covariance of x0 and x1 to 0 with 2")
def test_memoryless_limit(backend: Backend, flow: Any) -> None:
    assume(np.abs(flow.mean).max() > 0.05)  # the mean's error is a multiple of m
    grid = (100, 200, 400)
    mean, variance, covariance = zip(*(end_statistics(backend, flow, T) for T in grid), strict=True)
    assert_order(grid, [np.abs(v - flow.std**2).max() for v in variance], 1, what="SDE variance")
    # Jointly Gaussian (affine in Gaussian inputs): no covariance is independence.
    assert_order(grid, [np.abs(c).max() for c in covariance], 2, what="covariance of x0 and x1")
    assert_order(grid, [np.abs(m - flow.mean).max() for m in mean], 1, what="SDE mean")


def objective(backend: Backend, start: int, networks: Any, noises: Any, terminal: Any, x: Any) -> Any:
    """Σ_{i≥start} 2h ‖field - base‖²/s_i² + terminal·x_T along the rollout from x at step `start`.

    The running cost ½‖u‖² of QAM eq. 8 with u = 2 (field - base)/s, per step h; the last step has none.
    """
    xp, T = backend.xp, noises.shape[0] + 1
    h, cost = 1 / T, 0.0
    for i in range(start, T - 1):
        t, variance = i * h, memoryless_variance(i * h, h)
        v, v_base = (velocity(xp, weights, x, t) for weights in networks[:2])
        cost = cost + 2 * h * xp.sum((v - v_base) ** 2) / variance
        x = x + h * (2 * v - x / (t + h)) + (h * variance) ** 0.5 * noises[i, ...]
    end = x + h * velocity(xp, networks[2], x, (T - 1) * h)
    return cost + xp.sum(terminal * end)


def basic_along_rollout(backend: Backend, networks: Any, x0: Any, noises: Any, terminal: Any) -> Any:
    """States of the memoryless SDE and the basic adjoint along them."""
    field, base, last_field = (
        lambda x, t, weights=weights: velocity(backend.xp, weights, x, t) for weights in networks
    )
    xs = backend.K.memoryless_sde(field, last_field, x0, noises)
    return xs, backend.K.basic_adjoint(field, base, last_field, xs, terminal)


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(20))
@check("ADJ-8", "basic adjoint g_i = gradient of the control objective from x_i on, with the noise frozen")
def test_basic_adjoint_is_autodiff_of_the_objective(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    networks = [on(backend, MLPField(seed + k, action).weights, "float64") for k in range(3)]
    x0, terminal = (normals(backend, seed + k, *batch, action) for k in (3, 4))
    noises = normals(backend, seed + 5, T - 1, *batch, action)
    xs, adjoint = fast(backend, basic_along_rollout)(networks, x0, noises, terminal)
    gs = backend.numpy(adjoint)
    assert_exact(gs[T], backend.numpy(terminal), "gs[T]")
    for i in range(T):
        value = functools.partial(fast(backend, objective, i), networks, noises, terminal)
        assert_close(gs[i], backend.grad(value, xs[i, ...])[0], "recursion", "gradient of the objective")


def both_adjoints(backend: Backend, weights: Any, xs: Any, terminal: Any) -> Any:
    """The basic adjoint of fields that make no residual and look at time t+h, and the lean adjoint."""
    h = 1 / (xs.shape[0] - 1)

    def base(x: Any, t: Any) -> Any:
        return velocity(backend.xp, weights, x, t)

    def later(x: Any, t: Any) -> Any:
        return base(x, t + h)

    def last_step(x: Any, t: Any) -> Any:
        return 2 * base(x, t + h) - x / (t + h)

    basic = backend.K.basic_adjoint(later, later, last_step, xs, terminal)
    return basic, backend.K.lean_adjoint(base, xs, terminal)


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(20))
@check("ADJ-8", "with a zero residual and the same evaluation times the basic adjoint is the lean adjoint")
def test_lean_is_basic_without_residual(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    weights = on(backend, MLPField(seed, action).weights, "float64")
    xs = normals(backend, seed, T + 1, *batch, action)
    terminal = normals(backend, seed + 1, *batch, action)
    basic, lean = fast(backend, both_adjoints)(weights, xs, terminal)
    assert_close(backend.numpy(basic), backend.numpy(lean), "recursion", "basic against lean")


def gaussian_basic(backend: Backend, mean: Any, std: Any, xs: Any, terminal: Any) -> Any:
    """The basic adjoint of a Gaussian base without a residual, at its own evaluation times."""
    base = GaussianFlow(mean, std).velocity(backend.xp)
    return backend.K.basic_adjoint(base, base, base, xs, terminal)


@given(flow=gaussian_flows(actions=(1,)), seed=SEEDS)
@settings(max_examples=examples(12))
@check(
    "ADJ-8",
    "with a zero residual the basic adjoint tends to the lean adjoint's limit, terminal s² t/c(t), with order 1",
)
def test_basic_adjoint_without_residual_converges(backend: Backend, flow: Any, seed: int) -> None:
    grid, errors = (20, 40, 80, 160), []
    terminal = 1 + np.abs(np.random.default_rng(seed).standard_normal((2, 1)))
    for T in grid:
        # Any path will do: the base is linear in x.
        xs = normals(backend, seed, T + 1, 2, 1)
        gs = backend.numpy(fast(backend, gaussian_basic)(*parameters(backend, flow), xs, backend.array(terminal)))
        limit = flow.lean_adjoint(np.arange(T + 1)[:, None, None] / T, terminal)
        errors.append(np.abs(gs - limit).max())
    assert_order(grid, errors, 1, what="basic adjoint, Gaussian base")
