"""Running a flow backwards: REV-1, REV-2, REV-3."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.gaussian_cases import SEEDS, fast, gaussian_flows, normals, parameters
from veloq.verification.profiles import examples

# Numbers of steps by number of action dimensions: each is one more program to compile.
GRIDS = {1: (20, 40, 80, 160), 3: (24, 48, 96, 192)}
BATCHES = st.sampled_from([(), (2, 3)])


def gaussian_reverse(backend: Backend, steps: int, mean: Any, std: Any, x1: Any, t: Any) -> Any:
    """Explicit reversal of a Gaussian flow."""
    return backend.K.reverse_euler(GaussianFlow(mean, std).velocity(backend.xp), x1, t, steps)


@given(flow=gaussian_flows(), seed=SEEDS)
@settings(max_examples=examples(12))
@check("REV-1", "reverse_euler tends to the exact preimage at each sample's own time with order 1")
def test_reverse_euler_has_order_one(backend: Backend, flow: Any, seed: int) -> None:
    x1 = flow.mean + flow.std * np.random.default_rng(seed).standard_normal((5, len(flow.mean)))
    # One sample goes all the way to the noise: its error leads, and no fit rests on a short way alone.
    t = np.concatenate([[[0.0]], np.random.default_rng(seed + 1).uniform(0, 1, (4, 1))])
    preimage, data = flow.flow(x1, 1.0, t), parameters(backend, flow)
    grid, start = GRIDS[len(flow.mean)], (backend.array(x1), backend.array(t))
    found = [backend.numpy(fast(backend, gaussian_reverse, n)(*data, *start)) for n in grid]
    errors = [np.abs(each - preimage) for each in found]
    assert_order(grid, [error.max() for error in errors], 1, what="reverse_euler")
    # Halving the step halves the error of every sample, not of the worst alone.
    assert_at_most(errors[-1], 0.7 * errors[-2] + 1e-9, "error of each sample after halving the step")


@given(m=st.floats(-1.0, 1.0), x0=st.floats(-2.0, 2.0))
@settings(max_examples=examples(20))
@check("REV-1", "at 10 steps and s = 0.5 reverse_euler misses the noise x0 by 0.138 |x0|")
def test_error_at_ten_steps(backend: Backend, m: float, x0: float) -> None:
    # Gain of one reverse step on x - t m is 1 - h J(1 - i h) (J of the catalogue); their product from x1 - m = x0/2:
    # ½ Π (1 - J/10) = 0.8615652 where 1 is exact, whatever m.
    flow = GaussianFlow(np.array([m]), np.array([0.5]))
    x1, t = backend.array([[m + 0.5 * x0]]), backend.array([[0.0]])
    back = backend.numpy(fast(backend, gaussian_reverse, 10)(*parameters(backend, flow), x1, t))
    assert_close(back, np.array([[0.86156520979725 * x0]]), "recursion", "noise found")


def bounded_weights(backend: Backend, seed: int, action: int, lipschitz: float) -> tuple[Any, ...]:
    """Weights of x -> L U tanh(W x + t w + b), U and W orthogonal: Lipschitz with L at most in the 2-norm."""
    rng = np.random.default_rng(seed)
    inner, outer = (np.linalg.qr(rng.standard_normal((action, action)))[0] for _ in range(2))
    drift, bias = rng.standard_normal((2, action))
    return tuple(backend.array(part) for part in (inner, lipschitz * outer, drift, bias))


def bounded(backend: Backend, weights: Any, x: Any, t: Any) -> Any:
    """The field of `bounded_weights`."""
    inner, outer, drift, bias = weights
    return backend.xp.tanh(x @ inner + t * drift + bias) @ outer


def inverse(backend: Backend, steps: int, iterations: int, weights: Any, x1: Any) -> Any:
    """Exact inverse of the Euler flow of a bounded field, with its residual."""
    return backend.K.invert_euler(lambda x, t: bounded(backend, weights, x, t), x1, steps, iterations)


def forward(backend: Backend, steps: int, weights: Any, x0: Any) -> Any:
    """Euler flow of a bounded field."""
    return backend.K.euler(lambda x, t: bounded(backend, weights, x, t), x0, steps)


def one_inverse(backend: Backend, iterations: int, weights: Any, h: Any, start: Any, x: Any) -> Any:
    """Inverse of the single Euler step of size h from time `start`, its residual, and the step taken again."""

    def scaled(y: Any, t: Any) -> Any:
        return h * bounded(backend, weights, y, t + start)

    earlier, residual = backend.K.invert_euler(scaled, x, 1, iterations)
    return earlier, residual, backend.K.euler(scaled, earlier, 1)


@given(
    seed=SEEDS,
    batch=BATCHES,
    action=st.sampled_from([1, 3]),
    steps=st.sampled_from([1, 4, 10]),
    contraction=st.floats(0.05, 0.5),
)
@settings(max_examples=examples(40))
@check("REV-2", "h Lip(v) ≤ 1/2: invert_euler then euler is the identity to rounding, its residual below 1e-13")
def test_inverse_is_exact(backend: Backend, seed: int, batch: Any, action: int, steps: int, contraction: float) -> None:
    weights = bounded_weights(backend, seed, action, contraction * steps)
    x1 = normals(backend, seed, *batch, action)
    # 60 iterations: (1/2)^60 = 9e-19 of the first correction is left.
    x0, residual = fast(backend, inverse, steps, 60)(weights, x1)
    # Rounding of states that grow by at most L/2 √A per unit of time, here below 20: 20 · 2e-16 with room.
    assert_at_most(backend.numpy(residual), np.full(batch, 1e-13), "residual")
    again = fast(backend, forward, steps)(weights, x0)
    assert_close(backend.numpy(again), backend.numpy(x1), "recursion", "there and back")


@given(seed=SEEDS, steps=st.sampled_from([1, 4]), contraction=st.floats(0.5, 0.95))
@settings(max_examples=examples(8))
@check("REV-2", "h Lip(v) up to 0.95: the inverse still exists and is found, with more iterations")
def test_inverse_near_the_limit(backend: Backend, seed: int, steps: int, contraction: float) -> None:
    weights = bounded_weights(backend, seed, 3, contraction * steps)
    x1 = normals(backend, seed, 4, 3)
    # 0.95^700 = 3e-16 of the first correction is left. States stay below 20, as above.
    x0, residual = fast(backend, inverse, steps, 700)(weights, x1)
    assert_at_most(backend.numpy(residual), 1e-13, "residual")
    again = fast(backend, forward, steps)(weights, x0)
    assert_at_most(np.abs(backend.numpy(again) - backend.numpy(x1)), 1e-12, "there and back")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 4, 10]))
@settings(max_examples=examples(40))
@check("REV-2", "euler then invert_euler is the identity as well, along a whole path")
def test_inverse_of_the_forward_map(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    weights = bounded_weights(backend, seed, action, 0.4 * steps)
    x0 = normals(backend, seed, *batch, action)
    found, _ = fast(backend, inverse, steps, 60)(weights, fast(backend, forward, steps)(weights, x0))
    # Inverting a step stretches an error by at most 1/(1 - 0.4), ten of them by 165: 1e-10 holds rounding.
    assert_close(backend.numpy(found), backend.numpy(x0), "recursion", "noise found again")


@given(
    seed=SEEDS,
    batch=BATCHES,
    steps=st.sampled_from([1, 4]),
    iterations=st.sampled_from([3, 8]),
    contraction=st.floats(0.2, 6.0),
)
@settings(max_examples=examples(40))
@check("REV-2", "the residual is max_k ‖x_k + h v(x_k, t_k) - x_{k+1}‖ of the states found, small or large")
def test_residual_is_what_is_left(
    backend: Backend, seed: int, batch: Any, steps: int, iterations: int, contraction: float
) -> None:
    weights = bounded_weights(backend, seed, 3, contraction * steps)
    x1 = normals(backend, seed, *batch, 3)
    h, x, left = 1 / steps, x1, []
    # Each step of the whole inverse is found on its own, as the inverse of one Euler step of the field h v.
    for k in range(steps - 1, -1, -1):
        place = backend.array(h), backend.array(k * h)
        earlier, residual, again = fast(backend, one_inverse, iterations)(weights, *place, x)
        miss = np.linalg.norm(backend.numpy(again) - backend.numpy(x), axis=-1)
        assert_close(backend.numpy(residual), miss, "recursion", "residual of one step")
        left.append(miss)
        x = earlier
    x0, residual = fast(backend, inverse, steps, iterations)(weights, x1)
    assert_close(backend.numpy(x0), backend.numpy(x), "recursion", "states found step by step")
    assert_close(backend.numpy(residual), np.max(left, axis=0), "recursion", "largest residual over the steps")


def linear_inverse(backend: Backend, iterations: int, slope: Any, centre: Any, x1: Any) -> Any:
    """Inverse of one Euler step of slope (x - centre)."""
    return backend.K.invert_euler(lambda x, t: slope * (x - centre), x1, 1, iterations)


@pytest.mark.parametrize("regime", ["contracts", "diverges"])
@given(seed=SEEDS, size=st.floats(1.5, 4.0), sign=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=examples(30))
@check("REV-2", "for v = L (x - c) each iteration scales the residual by exactly h L: it shrinks or says it grew")
def test_residual_scales_by_the_lipschitz_constant(
    backend: Backend, regime: str, seed: int, size: float, sign: float
) -> None:
    slope = sign * (size if regime == "diverges" else 1 / size)
    centre = normals(backend, seed, 3)
    x1 = centre + 1 + normals(backend, seed + 1, 2, 3) ** 2

    number = backend.array(slope)
    left = [backend.numpy(fast(backend, linear_inverse, n)(number, centre, x1)[1]) for n in (4, 5, 12)]
    # States of size up to 20, and residuals that grow from them, are rounded at 2e-16 of themselves some ten times.
    off = np.abs(left[1] - abs(slope) * left[0])
    assert_at_most(off, 1e-13 * (1 + left[1]), "residual against h L times the one before")
    if regime == "diverges":
        assert_at_most(1.0, left[2], "residual after 12 iterations that diverge")
    else:
        # States of size up to 20 leave roundings of some 1e-15 in a residual that has become as small as 1e-8.
        assert_at_most(left[2], abs(slope) ** 8 * left[0] + 1e-13, "residual after 12 that converge")


def constant_reverse(backend: Backend, steps: int, v: Any, a: Any, t: Any) -> Any:
    """Reversal along a constant field."""
    return backend.K.reverse_euler(lambda x, t: v, a, t, steps)


def network_reverse(backend: Backend, steps: int, weights: Any, a: Any, t: Any) -> Any:
    """Reversal along a bounded field."""
    return backend.K.reverse_euler(lambda x, t: bounded(backend, weights, x, t), a, t, steps)


def clock_reverse(backend: Backend, steps: int, a: Any, t: Any) -> Any:
    """Reversal along v = t²."""
    return backend.K.reverse_euler(lambda x, t: 0 * x + t**2, a, t, steps)


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 2, 8]))
@settings(max_examples=examples(60))
@check("REV-3", "constant field: x_t = a - (1-t) v exactly, in numbers that binary arithmetic represents")
def test_constant_field_is_exact(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    # Multiples of 1/64, times of 1/16, powers of two for the steps: every product and sum is exact.
    a, v = (rng.integers(-128, 129, (*batch, action)) / 64 for _ in range(2))
    t = rng.integers(0, 17, (*batch, 1)) / 16
    x_t = fast(backend, constant_reverse, steps)(*(backend.array(each) for each in (v, a, t)))
    assert_exact(backend.numpy(x_t), a - (1 - t) * v, "x_t")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(60))
@check("REV-3", "t = 1 returns the action bit for bit, whatever the field")
def test_no_way_back_is_the_action(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    weights = bounded_weights(backend, seed, action, 5.0)
    a = normals(backend, seed, *batch, action)
    one = backend.array(np.ones((*batch, 1)))
    x_t = fast(backend, network_reverse, steps)(weights, a, one)
    assert_exact(backend.numpy(x_t), backend.numpy(a), "action")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(40))
@check("REV-3", "the velocity is taken at the later time of each step: v = p'(t) gives the right Riemann sum")
def test_velocity_at_the_later_time(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    a, t = rng.standard_normal((*batch, action)), rng.uniform(0, 1, (*batch, 1))
    x_t = fast(backend, clock_reverse, steps)(backend.array(a), backend.array(t))
    d = (1 - t) / steps
    total = sum(d * (1 - i * d) ** 2 for i in range(steps))
    assert_close(backend.numpy(x_t), a - total, "recursion", "x_t")
