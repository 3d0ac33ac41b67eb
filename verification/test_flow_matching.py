"""Flow matching on the straight path, and the orders of the solvers of its ODE."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from veloq.verification.assertions import assert_close, assert_exact, assert_order
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import fast, parameters
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**31)
ORDERS = [("euler", 1), ("midpoint", 2), ("heun", 2)]


@settings(max_examples=examples(60))
@given(seed=SEEDS, points=st.sampled_from([1, 4]), action=st.sampled_from([1, 3]), t=st.floats(0.0, 0.95))
@check("FM-1", "on finite data the expected loss at x_t is least at E[x1 - x0 | x_t], quadratic around it")
def test_minimiser(backend: Backend, seed: int, points: int, action: int, t: float) -> None:
    K, xp = backend.K, backend.xp
    rng = np.random.default_rng(seed)
    data, prior = rng.uniform(-1.0, 1.0, (points, action)), rng.dirichlet(np.ones(points))
    # The path goes near a data point: any x_t is reached, but far ones have astronomically small noise density.
    x_t = t * data[0] + (1.0 - t) * rng.standard_normal(action)
    x0 = (x_t - t * data) / (1.0 - t)
    times = backend.array(np.full((points, 1), t))
    noise, ends = backend.array(x0), backend.array(data)
    reached, velocity = K.linear_path(noise, ends, times)
    assert_close(backend.numpy(reached), np.broadcast_to(x_t, data.shape), "reduction", what="all paths meet at x_t")
    # Bayes: the posterior of data point j is its prior times the normal density of the noise leading here.
    joint = prior * np.exp(-0.5 * (np.sum(x0**2, axis=-1) - np.min(np.sum(x0**2, axis=-1))))
    posterior = joint / joint.sum()
    mean = posterior @ backend.numpy(velocity)
    by_hand = posterior @ (data - x_t) / (1.0 - t)
    assert_close(mean, by_hand, "recursion", what="conditional mean velocity")
    shares, ones = backend.array(posterior), backend.array(np.ones((points, 1)))

    def expected_loss(v: Array) -> Array:
        return xp.sum(shares * K.flow_matching_loss(ones * v, noise, ends))

    step = rng.standard_normal(action)
    scale = 1.0 + np.abs(x0).max() ** 2
    (rest,) = backend.grad(expected_loss, backend.array(by_hand))
    assert_close(rest / scale, np.zeros(action), "recursion", what="gradient at the minimiser")
    (slope,) = backend.grad(expected_loss, backend.array(by_hand + step))
    assert_close(slope / scale, 2.0 * step / action / scale, "recursion", what="gradient beside it")
    rise = backend.numpy(expected_loss(backend.array(by_hand + step))) - backend.numpy(
        expected_loss(backend.array(by_hand))
    )
    assert_close(rise / scale, np.array(np.mean(step**2) / scale), "recursion", what="rise of the loss")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=st.sampled_from([(1, 1), (4, 3), (2, 3, 2)]))
@check("FM-1", "the path runs from noise at 0 to data at 1, its velocity is its derivative; targets get no gradient")
def test_path(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    K, xp = backend.K, backend.xp
    rng = np.random.default_rng(seed)
    x0, x1 = rng.standard_normal(shape), rng.standard_normal(shape)
    noise, data = backend.array(x0), backend.array(x1)
    column = np.ones((*shape[:-1], 1))
    for t, end in ((0.0, x0), (1.0, x1)):
        assert_exact(backend.numpy(K.linear_path(noise, data, backend.array(t * column))[0]), end, what="end")
    t = backend.array(rng.uniform(0.0, 1.0, column.shape))
    slope = backend.jvp(lambda at: K.linear_path(noise, data, at)[0], [t], [backend.array(column)])
    _, v = K.linear_path(noise, data, t)
    assert_close(backend.numpy(v), slope, "derivative", what="velocity")
    slopes = backend.grad(
        lambda *at: xp.sum(K.flow_matching_loss(*at)), backend.array(rng.standard_normal(shape)), noise, data
    )
    for routed in slopes[1:]:
        assert_exact(routed, np.zeros(shape), what="gradient to the path's ends")


def gaussian_errors(backend: Backend, solver: str, seed: int, bend: float, steps: list[int]) -> list[float]:
    """Root mean square errors on a Gaussian flow run with the clock τ(t) = (1-bend) t + bend t²."""
    rng = np.random.default_rng(seed)
    # Where s is near 1 the flow is nearly still and has no order to show.
    std = np.array([rng.uniform(0.4, 0.7), rng.uniform(1.6, 2.5)])
    law = GaussianFlow(rng.uniform(-1.0, 1.0, 2), std)
    x0 = rng.standard_normal((5, 2))
    arguments = (*parameters(backend, law), backend.array(bend), backend.array(x0))
    ends = [backend.numpy(fast(backend, bent_flow, solver, n)(*arguments)) for n in steps]
    return [float(np.sqrt(np.mean((end - law.flow(x0, 0.0, 1.0)) ** 2))) for end in ends]


def bent_flow(backend: Backend, solver: str, steps: int, mean: Array, std: Array, bend: Array, x0: Array) -> Array:
    """A Gaussian flow run with a bent clock by one of the solvers."""
    velocity = GaussianFlow(mean, std).velocity(backend.xp)

    def field(x: Array, t: Array) -> Array:
        return (1.0 - bend + 2.0 * bend * t) * velocity(x, (1.0 - bend) * t + bend * t * t)

    return getattr(backend.K, solver)(field, x0, steps)


@pytest.mark.parametrize(("solver", "order"), ORDERS)
@settings(max_examples=examples(6))
@given(seed=SEEDS, bend=st.sampled_from([0.4, 0.6]))
@check("FM-2", "Euler has order 1, midpoint and Heun order 2 on Gaussian flows with a known exact map and a bent clock")
def test_order_on_gaussian_flows(backend: Backend, solver: str, order: int, seed: int, bend: float) -> None:
    steps = [32, 64, 128, 256]
    errors = gaussian_errors(backend, solver, seed, bend, steps)
    assert_order(steps, errors, order, what=f"{solver} on Gaussian flows")


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 3), ("heun", 2)])
@settings(max_examples=examples(4))
@given(seed=SEEDS)
@check("FM-2", "with the plain clock midpoint has order 3 on Gaussian flows, because their variance is quadratic in t")
def test_midpoint_superconverges(backend: Backend, solver: str, order: int, seed: int) -> None:
    # Midpoint's local error on ẋ = J x is h³ (J'' + 6 J J' + 4 J³)/24, which for J = c'/(2c) is h³/(48 c) times
    # the third derivative of the variance c(t) = (1-t)² + t² s².
    steps = [32, 64, 128, 256]
    assert_order(steps, gaussian_errors(backend, solver, seed, 0.0, steps), order, what=f"{solver}, plain clock")


@pytest.mark.parametrize(("solver", "order"), ORDERS)
@settings(max_examples=examples(6))
@given(seed=SEEDS, action=st.sampled_from([1, 3]))
@check("FM-2", "the same orders on random networks, against scipy's adaptive DOP853 at 1e-13")
def test_order_on_networks(backend: Backend, solver: str, order: int, seed: int, action: int) -> None:
    network, batch = MLPField(seed, action), (6, action)
    x0 = np.random.default_rng([seed, 1]).standard_normal(batch)

    def flat(t: float, x: np.ndarray) -> np.ndarray:
        return np.asarray(velocity(np, network.weights, x.reshape(batch), t)).ravel()

    exact = solve_ivp(flat, (0.0, 1.0), x0.ravel(), method="DOP853", rtol=1e-13, atol=1e-13).y[:, -1].reshape(batch)
    steps = [16, 32, 64, 128]
    weights, start = on(backend, network.weights, "float64"), backend.array(x0)
    ends = [backend.numpy(fast(backend, network_flow, solver, n)(weights, start)) for n in steps]
    errors = [float(np.sqrt(np.mean((end - exact) ** 2))) for end in ends]
    assert_order(steps, errors, order, what=f"{solver} on networks")


def network_flow(backend: Backend, solver: str, steps: int, weights: Array, x0: Array) -> Array:
    """The flow of a network, or its path, by one of the solvers."""
    return getattr(backend.K, solver)(lambda x, t: velocity(backend.xp, weights, x, t), x0, steps)


@settings(max_examples=examples(20))
@given(seed=SEEDS, steps=st.sampled_from([1, 4, 7]), action=st.sampled_from([1, 3]))
@check("FM-2", "euler_path starts at the noise, takes each step at its own time, and ends where euler does")
def test_euler_path(backend: Backend, seed: int, steps: int, action: int) -> None:
    network = MLPField(seed, action)
    weights = on(backend, network.weights, "float64")
    x0 = np.random.default_rng([seed, 2]).standard_normal((2, 3, action))
    path = backend.numpy(fast(backend, network_flow, "euler_path", steps)(weights, backend.array(x0)))
    assert_exact(path[0], x0, what="first state")
    for i in range(steps):
        step = path[i] + velocity(np, network.weights, path[i], i / steps) / steps
        assert_close(path[i + 1], step, "network", what="one step")
    end = backend.numpy(fast(backend, network_flow, "euler", steps)(weights, backend.array(x0)))
    assert_close(end, path[-1], "recursion", what="last state")
    assert_exact(np.array(path.shape), np.array([steps + 1, 2, 3, action]), what="shape of the path")
