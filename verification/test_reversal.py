"""Running a flow backwards: REV-1, REV-2, REV-3."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField
from veloq.verification.gaussian_cases import SEEDS, gaussian_flows, normals
from veloq.verification.profiles import examples

GRIDS = st.sampled_from([(20, 40, 80, 160), (24, 48, 96, 192)])
BATCHES = st.sampled_from([(), (3,), (2, 3)])


@given(flow=gaussian_flows(), seed=SEEDS, grid=GRIDS)
@settings(max_examples=examples(12))
@check("REV-1", "reverse_euler tends to the exact preimage at each sample's own time with order 1")
def test_reverse_euler_has_order_one(backend: Backend, flow: Any, seed: int, grid: Any) -> None:
    x1 = flow.mean + flow.std * np.random.default_rng(seed).standard_normal((5, len(flow.mean)))
    # One sample goes all the way to the noise: its error leads, and no fit rests on a short way alone.
    t = np.concatenate([[[0.0]], np.random.default_rng(seed + 1).uniform(0, 1, (4, 1))])
    field, preimage = flow.velocity(backend.xp), flow.flow(x1, 1.0, t)
    errors = [
        np.abs(backend.numpy(backend.K.reverse_euler(field, backend.array(x1), backend.array(t), n)) - preimage)
        for n in grid
    ]
    assert_order(grid, [error.max() for error in errors], 1, what="reverse_euler")
    # Halving the step halves the error of every sample, not of the worst alone.
    assert_at_most(errors[-1], 0.7 * errors[-2] + 1e-9, "error of each sample after halving the step")


@given(m=st.floats(-1.0, 1.0), x0=st.floats(-2.0, 2.0))
@settings(max_examples=examples(20))
@check("REV-1", "at 10 steps and s = 0.5 reverse_euler misses the noise x0 by 0.138 |x0|: 1.5e-1 at |x0| = 1.08")
def test_error_at_ten_steps(backend: Backend, m: float, x0: float) -> None:
    # Gain of one reverse step on x - t m is 1 - h J(1 - i h) (J of the catalogue); their product from x1 - m = x0/2:
    # ½ Π (1 - J/10) = 0.8615652 where 1 is exact. docs/identities.md prints 1.5e-1 for m = 0.7 without its point.
    flow = GaussianFlow(np.array([m]), np.array([0.5]))
    x1, t = backend.array([[m + 0.5 * x0]]), backend.array([[0.0]])
    back = backend.numpy(backend.K.reverse_euler(flow.velocity(backend.xp), x1, t, 10))
    assert_close(back, np.array([[0.86156520979725 * x0]]), "recursion", "noise found")


@check("REV-1", "at 10 steps, s = 0.5, m = 0.7 the error of x0 = 1.08 is the 1.5e-1 of docs/identities.md")
def test_published_error(backend: Backend) -> None:
    flow = GaussianFlow(np.array([0.7]), np.array([0.5]))
    x1, t = backend.array([[0.7 + 0.5 * 1.08]]), backend.array([[0.0]])
    back = backend.numpy(backend.K.reverse_euler(flow.velocity(backend.xp), x1, t, 10))
    assert_at_most(np.abs(np.abs(back - 1.08) - 0.15), 0.005, "difference from the printed 1.5e-1")


def bounded_field(backend: Backend, seed: int, action: int, lipschitz: float) -> Callable[[Any, Any], Any]:
    """x -> L U tanh(W x + t w + b) with orthogonal U and W: Lipschitz with constant at most L in the 2-norm."""
    rng = np.random.default_rng(seed)
    inner, outer = (backend.array(np.linalg.qr(rng.standard_normal((action, action)))[0]) for _ in range(2))
    drift, bias = (backend.array(rng.standard_normal(action)) for _ in range(2))

    def field(x: Any, t: Any) -> Any:
        return lipschitz * (backend.xp.tanh(x @ inner + t * drift + bias) @ outer)

    return field


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
    field = bounded_field(backend, seed, action, contraction * steps)
    x1 = normals(backend, seed, *batch, action)
    # 60 iterations: (1/2)^60 = 9e-19 of the first correction is left.
    x0, residual = backend.K.invert_euler(field, x1, steps, 60)
    # Rounding of states that grow by at most L/2 √A per unit of time, here below 20: 20 · 2e-16 with room.
    assert_at_most(backend.numpy(residual), np.full(batch, 1e-13), "residual")
    assert_close(backend.numpy(backend.K.euler(field, x0, steps)), backend.numpy(x1), "recursion", "there and back")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 4, 10]))
@settings(max_examples=examples(40))
@check("REV-2", "euler then invert_euler is the identity as well, along a whole path")
def test_inverse_of_the_forward_map(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    field = bounded_field(backend, seed, action, 0.4 * steps)
    x0 = normals(backend, seed, *batch, action)
    found, _ = backend.K.invert_euler(field, backend.K.euler(field, x0, steps), steps, 60)
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
    field = bounded_field(backend, seed, 3, contraction * steps)
    x1 = normals(backend, seed, *batch, 3)
    h, x, left = 1 / steps, x1, []
    # Each step of the whole inverse is found on its own as the inverse of one Euler step of size 1 with field h v.
    for k in range(steps - 1, -1, -1):

        def one_step(y: Any, t: Any, k: int = k) -> Any:
            return h * field(y, t + k * h)

        earlier, residual = backend.K.invert_euler(one_step, x, 1, iterations)
        miss = backend.numpy(backend.K.euler(one_step, earlier, 1)) - backend.numpy(x)
        assert_close(backend.numpy(residual), np.linalg.norm(miss, axis=-1), "recursion", "residual of one step")
        left.append(np.linalg.norm(miss, axis=-1))
        x = earlier
    x0, residual = backend.K.invert_euler(field, x1, steps, iterations)
    assert_close(backend.numpy(x0), backend.numpy(x), "recursion", "states found step by step")
    assert_close(backend.numpy(residual), np.max(left, axis=0), "recursion", "largest residual over the steps")


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

    def field(x: Any, t: Any) -> Any:
        return slope * (x - centre)

    left = [backend.numpy(backend.K.invert_euler(field, x1, 1, n)[1]) for n in (4, 5, 12)]
    assert_close(left[1] / left[0], np.full(2, abs(slope)), "recursion", "ratio of successive residuals")
    if regime == "diverges":
        assert_at_most(1.0, left[2], "residual after 12 iterations that diverge")
    else:
        assert_at_most(left[2], abs(slope) ** 8 * left[0] * (1 + 1e-9), "residual after 12 that converge")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 2, 8]))
@settings(max_examples=examples(60))
@check("REV-3", "constant field: x_t = a - (1-t) v exactly, in numbers that binary arithmetic represents")
def test_constant_field_is_exact(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    # Multiples of 1/64, times of 1/16, powers of two for the steps: every product and sum is exact.
    a, v = (rng.integers(-128, 129, (*batch, action)) / 64 for _ in range(2))
    t = rng.integers(0, 17, (*batch, 1)) / 16
    constant = backend.array(v)
    x_t = backend.K.reverse_euler(lambda x, t: constant, backend.array(a), backend.array(t), steps)
    assert_exact(backend.numpy(x_t), a - (1 - t) * v, "x_t")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(60))
@check("REV-3", "t = 1 returns the action bit for bit, whatever the field")
def test_no_way_back_is_the_action(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    field = MLPField(seed, action).field(backend)
    a = normals(backend, seed, *batch, action)
    one = backend.array(np.ones((*batch, 1)))
    assert_exact(backend.numpy(backend.K.reverse_euler(field, a, one, steps)), backend.numpy(a), "action")


@given(seed=SEEDS, batch=BATCHES, action=st.sampled_from([1, 3]), steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(40))
@check("REV-3", "the velocity is taken at the later time of each step: v = p'(t) gives the right Riemann sum")
def test_velocity_at_the_later_time(backend: Backend, seed: int, batch: Any, action: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    a, t = rng.standard_normal((*batch, action)), rng.uniform(0, 1, (*batch, 1))
    x_t = backend.K.reverse_euler(lambda x, t: 0 * x + t**2, backend.array(a), backend.array(t), steps)
    d = (1 - t) / steps
    total = sum(d * (1 - i * d) ** 2 for i in range(steps))
    assert_close(backend.numpy(x_t), a - total, "recursion", "x_t")
