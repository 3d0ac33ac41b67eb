"""MeanFlow: the average velocity, its target and its one-step sampler: MF-1 to MF-6."""

import functools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField, average_velocity, on
from veloq.verification.gaussian_cases import SEEDS, fast, gaussian_flows, kernel, normals, parameters, velocity_at
from veloq.verification.profiles import examples

BATCHES = st.sampled_from([(), (2, 3)])
STEPS = (20, 40, 80, 160)


def ordered_times(seed: int, batch: tuple[int, ...], count: int) -> list[Any]:
    """`count` arrays (*batch, 1) of times in rising order; 0, 1 and ties occur."""
    drawn = np.random.default_rng(seed).uniform(-0.2, 1.2, (count, *batch, 1)).clip(0, 1)
    return list(np.sort(drawn, axis=0))


def gaussian_average(backend: Backend, mean: Any, std: Any, x: Any, t: Any, r: Any) -> Any:
    """Exact average velocity of a Gaussian flow."""
    return GaussianFlow(mean, std).average_velocity(backend.xp)(x, t, r)


def gaussian_target(backend: Backend, mean: Any, std: Any, x_t: Any, v: Any, t: Any, r: Any) -> Any:
    """Target made from the exact average velocity of a Gaussian flow."""
    return backend.K.meanflow_target(GaussianFlow(mean, std).average_velocity(backend.xp), x_t, v, t, r)


def gaussian_sample(backend: Backend, mean: Any, std: Any, x0: Any) -> Any:
    """One-step sample of the exact average velocity of a Gaussian flow."""
    return backend.K.meanflow_sample(GaussianFlow(mean, std).average_velocity(backend.xp), x0)


def network_target(backend: Backend, weights: Any, x_t: Any, v: Any, t: Any, r: Any) -> Any:
    """Target made from a network."""
    return backend.K.meanflow_target(lambda x, t, r: average_velocity(backend.xp, weights, x, t, r), x_t, v, t, r)


def network_sample(backend: Backend, weights: Any, x0: Any) -> Any:
    """One-step sample of a network."""
    return backend.K.meanflow_sample(lambda x, t, r: average_velocity(backend.xp, weights, x, t, r), x0)


def drawn_network(backend: Backend, seed: int, action: int) -> tuple[Any, Any]:
    """A random network's weights, and the network as u(x, t, r)."""
    weights = on(backend, MLPField(seed, action).weights, "float64")
    return weights, functools.partial(fast(backend, network), weights)


def network(backend: Backend, weights: Any, x: Any, t: Any, r: Any) -> Any:
    """A network's average velocity."""
    return average_velocity(backend.xp, weights, x, t, r)


@given(flow=gaussian_flows(low=0.3, high=3.0), batch=BATCHES, seed=SEEDS)
@settings(max_examples=examples(60))
@check("MF-1", "Gaussian data: the exact average velocity is a fixed point, u = v + (r-t) D u")
def test_exact_average_velocity_is_its_own_target(backend: Backend, flow: Any, batch: Any, seed: int) -> None:
    t, r = (backend.array(time) for time in ordered_times(seed, batch, 2))
    x_t = normals(backend, seed, *batch, len(flow.mean))
    data = parameters(backend, flow)
    u = fast(backend, gaussian_average)(*data, x_t, t, r)
    target = fast(backend, gaussian_target)(*data, x_t, velocity_at(backend, flow, x_t, t), t, r)
    assert_close(backend.numpy(target), backend.numpy(u), "derivative", "target")


@given(flow=gaussian_flows(low=0.3, high=3.0), batch=BATCHES, seed=SEEDS)
@settings(max_examples=examples(60))
@check("MF-1", "the closed form is (r m + √(c(r)/c(t)) (x - t m) - x)/(r-t), and v at r = t")
def test_closed_form_of_the_average_velocity(backend: Backend, flow: Any, batch: Any, seed: int) -> None:
    t, r = ordered_times(seed, batch, 2)
    r = np.where(r - t < 0.05, t, r)
    x_t = normals(backend, seed, *batch, len(flow.mean))
    data = parameters(backend, flow)
    u = backend.numpy(fast(backend, gaussian_average)(*data, x_t, backend.array(t), backend.array(r)))
    v = backend.numpy(velocity_at(backend, flow, x_t, backend.array(t)))
    x = backend.numpy(x_t)
    moved = r * flow.mean + np.sqrt(flow.variance(r) / flow.variance(t)) * (x - t * flow.mean)
    span = np.where(r > t, r - t, 1.0)
    assert_close(u, np.where(r > t, (moved - x) / span, v), "derivative", "average velocity")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]))
@settings(max_examples=examples(40))
@check("MF-2", "at r = t the target is v bit for bit, and the squared error is the flow-matching loss")
def test_target_without_interval_is_flow_matching(backend: Backend, seed: int, batch: Any, action: int) -> None:
    weights, u = drawn_network(backend, seed, action)
    x0, x1 = (normals(backend, seed + k, *batch, action) for k in (1, 2))
    t = backend.array(ordered_times(seed, batch, 1)[0])
    x_t, v = kernel(backend, "linear_path")(x0, x1, t)
    target = fast(backend, network_target)(weights, x_t, v, t, t)
    assert_exact(backend.numpy(target), backend.numpy(x1 - x0), "target at r = t")
    out = u(x_t, t, t)
    squared = np.mean((backend.numpy(out) - backend.numpy(target)) ** 2, axis=-1)
    matching = backend.numpy(kernel(backend, "flow_matching_loss")(out, x0, x1))
    assert_close(matching, squared, "network", "flow-matching loss")


@given(seed=SEEDS, action=st.sampled_from([1, 3]), t=st.floats(0.0, 0.8))
@settings(max_examples=examples(20))
@check("MF-2", "as r tends to t the target tends to v with order 1, for any network")
def test_target_is_continuous_at_no_interval(backend: Backend, seed: int, action: int, t: float) -> None:
    weights, _ = drawn_network(backend, seed, action)
    x_t, v = (normals(backend, seed + k, 4, action) for k in (1, 2))
    inverse = (100, 200, 400, 800)
    times = backend.array(np.full((4, 1), t))
    errors = [
        np.abs(backend.numpy(fast(backend, network_target)(weights, x_t, v, times, times + 1 / n) - v)).max()
        for n in inverse
    ]
    assert_order(inverse, errors, 1, what="target at r = t + h from v")


@given(flow=gaussian_flows(low=0.3, high=3.0), batch=BATCHES, seed=SEEDS)
@settings(max_examples=examples(60))
@check("MF-3", "additivity: (r-t) u(t,r) = (s-t) u(t,s) + (r-s) u(s,r) along the flow, and so for the sampler")
def test_average_velocities_add(backend: Backend, flow: Any, batch: Any, seed: int) -> None:
    t, s, r = (backend.array(time) for time in ordered_times(seed, batch, 3))
    u = functools.partial(fast(backend, gaussian_average), *parameters(backend, flow))
    x_t = normals(backend, seed, *batch, len(flow.mean))
    x_s = backend.array(flow.flow(backend.numpy(x_t), backend.numpy(t), backend.numpy(s)))
    parts = (s - t) * u(x_t, t, s) + (r - s) * u(x_s, s, r)
    whole = (r - t) * u(x_t, t, r)
    assert_close(backend.numpy(parts), backend.numpy(whole), "recursion", "two intervals against one")
    zero, one = backend.array(np.zeros((*batch, 1))), backend.array(np.ones((*batch, 1)))
    halfway = x_t + s * u(x_t, zero, s)
    sample = fast(backend, gaussian_sample)(*parameters(backend, flow), x_t)
    two_steps = halfway + (1 - s) * u(halfway, s, one)
    assert_close(backend.numpy(sample), backend.numpy(two_steps), "recursion", "one step against two")


@given(flow=gaussian_flows(low=0.3, high=3.0), batch=BATCHES, seed=SEEDS)
@settings(max_examples=examples(60))
@check("MF-4", "one step of the exact average velocity ends at m + s x0, the flow's exact endpoint")
def test_one_step_is_the_endpoint(backend: Backend, flow: Any, batch: Any, seed: int) -> None:
    x0 = normals(backend, seed, *batch, len(flow.mean))
    sample = fast(backend, gaussian_sample)(*parameters(backend, flow), x0)
    assert_close(backend.numpy(sample), flow.mean + flow.std * backend.numpy(x0), "network", "endpoint")


def gaussian_euler(backend: Backend, steps: int, mean: Any, std: Any, x0: Any) -> Any:
    """Euler flow of a Gaussian flow's velocity."""
    return backend.K.euler(GaussianFlow(mean, std).velocity(backend.xp), x0, steps)


@given(flow=gaussian_flows(low=0.3, high=3.0), seed=SEEDS)
@settings(max_examples=examples(12))
@check("MF-4", "Euler steps of the instantaneous velocity converge to the one-step sample with order 1")
def test_euler_converges_to_one_step(backend: Backend, flow: Any, seed: int) -> None:
    x0 = normals(backend, seed, 4, len(flow.mean))
    data = parameters(backend, flow)
    sample = backend.numpy(fast(backend, gaussian_sample)(*data, x0))
    errors = [np.abs(backend.numpy(fast(backend, gaussian_euler, n)(*data, x0)) - sample).max() for n in STEPS]
    assert_order(STEPS, errors, 1, what="Euler against one step")


def paper_field(u: Any) -> Any:
    """OFQL's U(a, r, t), data at time 0 and r ≤ t, from the library's u: time 1 - t, velocity turned."""
    return lambda a, r, t: -u(a, 1 - t, 1 - r)


def library_field(big_u: Any) -> Any:
    """The library's u(x, t, r) from OFQL's U."""
    return lambda x, t, r: -big_u(x, 1 - r, 1 - t)


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]))
@settings(max_examples=examples(40))
@check("MF-5", "OFQL eqs. 12-15 in the paper's reversed time give the library's target, loss and sample")
def test_paper_time(backend: Backend, seed: int, batch: Any, action: int) -> None:
    weights, u = drawn_network(backend, seed, action)
    big_u = paper_field(u)
    eps, a = (normals(backend, seed + k, *batch, action) for k in (1, 2))
    r, t = (backend.array(time) for time in ordered_times(seed, batch, 2))
    a_t, v_t = (1 - t) * a + t * eps, eps - a
    slope = backend.jvp(big_u, (a_t, r, t), (v_t, 0 * r, 0 * t + 1))
    u_tgt = backend.numpy(v_t) - backend.numpy(t - r) * slope
    x_t, v = kernel(backend, "linear_path")(eps, a, 1 - t)
    assert_close(backend.numpy(x_t), backend.numpy(a_t), "elementwise", "point of the path")
    target = backend.numpy(fast(backend, network_target)(weights, x_t, v, 1 - t, 1 - r))
    assert_close(target, -u_tgt, "derivative", "target")
    paper_loss = np.sum((backend.numpy(big_u(a_t, r, t)) - u_tgt) ** 2, axis=-1)
    loss = np.sum((backend.numpy(u(x_t, 1 - t, 1 - r)) - target) ** 2, axis=-1)
    assert_close(loss, paper_loss, "derivative", "loss")
    zero = backend.array(np.zeros((*batch, 1)))
    sample = fast(backend, network_sample)(weights, eps)
    assert_close(backend.numpy(sample), backend.numpy(eps - big_u(eps, zero, zero + 1)), "network", "sample")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]))
@settings(max_examples=examples(40))
@check("MF-5", "to the paper's reversed time and back is the identity")
def test_paper_time_and_back(backend: Backend, seed: int, batch: Any, action: int) -> None:
    _, u = drawn_network(backend, seed, action)
    x = normals(backend, seed, *batch, action)
    # Times in 64ths: 1 - (1 - t) is then t without rounding, and the two fields must agree exactly.
    t, r = (backend.array(np.round(64 * time) / 64) for time in ordered_times(seed, batch, 2))
    back = library_field(paper_field(u))
    assert_exact(backend.numpy(back(x, t, r)), backend.numpy(u(x, t, r)), "average velocity")


def affine(backend: Backend, coefficients: Any, x: Any, t: Any, r: Any) -> Any:
    """u(x, t, r) affine in x whose endpoint map x + u(x, 0, 1) is offset + gain x.

    Elsewhere the four rows of `rest`, of shape (4, A), bend offset and gain with (r-t)'s distance from 1.
    """
    offset, gain, rest = coefficients
    away = 1 - (r - t)
    return offset + away * (rest[0, :] + t * rest[1, :]) + (gain - 1 + away * (rest[2, :] + r * rest[3, :])) * x


def affine_sample(backend: Backend, coefficients: Any, x0: Any) -> Any:
    """One-step sample of an affine average velocity."""
    return backend.K.meanflow_sample(lambda x, t, r: affine(backend, coefficients, x, t, r), x0)


@given(flow=gaussian_flows(low=0.3, high=3.0), seed=SEEDS, p01=st.floats(0.05, 1.0))
@settings(max_examples=examples(60))
@check("MF-6", "p01 W2² ≤ average-velocity loss (OFQL eq. 37), an equality at p01 = 1 for rising affine maps")
def test_wasserstein_bound(backend: Backend, flow: Any, seed: int, p01: float) -> None:
    rng, action = np.random.default_rng(seed), len(flow.mean)
    offset, gain = rng.standard_normal(action), rng.standard_normal(action)
    coefficients = tuple(backend.array(part) for part in (offset, gain, rng.standard_normal((4, action))))
    model = functools.partial(fast(backend, affine), coefficients)
    truth = functools.partial(fast(backend, gaussian_average), *parameters(backend, flow))
    # Three nodes of Gauss-Hermite integrate E over eps exactly: the squared error is quadratic in eps.
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    eps = np.repeat(nodes[:, None], action, axis=1)

    def expected(squared: Any) -> float:
        return float((weights[:, None] * backend.numpy(squared)).sum())

    def loss_at(t: float, r: float) -> float:
        tt, rr = (backend.array(np.full((3, 1), time)) for time in (t, r))
        a_t = backend.array(flow.flow(eps, 0.0, t))
        return expected((model(a_t, tt, rr) - truth(a_t, tt, rr)) ** 2)

    others = [loss_at(*sorted(rng.uniform(0, 1, 2))) for _ in range(3)]
    loss = p01 * loss_at(0.0, 1.0) + (1 - p01) * float(np.mean(others))
    noise = backend.array(eps)
    found = fast(backend, affine_sample)(coefficients, noise)
    wanted = fast(backend, gaussian_sample)(*parameters(backend, flow), noise)
    transport = expected((found - wanted) ** 2)
    assert_close(np.float64(transport), np.float64(loss_at(0.0, 1.0)), "recursion", "eq. 32 = eq. 33")
    # Dowson & Landau 1982: W2² of two Gaussians with commuting covariances, here N(offset, gain²) and N(m, s²).
    wasserstein = float(np.sum((offset - flow.mean) ** 2 + (np.abs(gain) - flow.std) ** 2))
    assert_at_most(p01 * wasserstein, loss * (1 + 1e-12), "p01 W2² against the loss")
    # eps -> offset + gain eps is the optimal coupling where it rises; a falling entry costs 4 |gain| s more.
    excess = 4 * np.sum(np.abs(gain) * flow.std * (gain < 0))
    assert_close(np.float64(transport), np.float64(wasserstein + excess), "recursion", "loss at (0, 1)")


@given(flow=gaussian_flows(low=0.3, high=3.0), seed=SEEDS)
@settings(max_examples=examples(20))
@check("MF-6", "zero loss is zero distance: the sampler of the exact average velocity has mean m and std s")
def test_zero_loss_is_the_data(backend: Backend, flow: GaussianFlow, seed: int) -> None:
    action = len(flow.mean)
    ends = np.stack([np.zeros(action), np.ones(action)])
    sample = backend.numpy(fast(backend, gaussian_sample)(*parameters(backend, flow), backend.array(ends)))
    assert_close(sample[0], flow.mean, "network", "mean of the pushed-forward noise")
    assert_close(np.abs(sample[1] - sample[0]), flow.std, "network", "std of the pushed-forward noise")
