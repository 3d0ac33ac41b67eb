"""What kernels do where people put floors, clips and epsilons: tiny times, extreme scales, the cap itself."""

import mpmath
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=examples(30))
@given(seed=SEEDS, exponent=st.floats(-9.0, -1.3), inv_temp=st.floats(0.1, 5.0), weight=st.floats(0.1, 2.0))
@check("GUID-1", "guidance is divided by t itself down to t = 1e-9: (v - v_base) t = weight ((1-t) inv_temp ∇Q + x)")
def test_guidance_at_small_times(backend: Backend, seed: int, exponent: float, inv_temp: float, weight: float) -> None:
    rng, t = np.random.default_rng(seed), 10.0**exponent
    grad, x = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    arrays = (backend.array(value) for value in (np.zeros((4, 3)), grad, x, np.full((4, 1), t)))
    v = backend.numpy(backend.K.guided_velocity(*arrays, inv_temp, weight))
    assert_close(v * t, weight * ((1.0 - t) * inv_temp * grad + x), "reduction", what="guidance times t")


@settings(max_examples=examples(30))
@given(seed=SEEDS, exponent=st.floats(-5.0, -1.3))
@check("DIST-1", "a terminal row's target stays r - z0 as t tends to one, where 1 - t + t g vanishes")
def test_terminal_target_at_late_times(backend: Backend, seed: int, exponent: float) -> None:
    rng, t = np.random.default_rng(seed), 1.0 - 10.0**exponent
    reward, z0 = rng.uniform(-2.0, 2.0, (6, 1)), rng.standard_normal((6, 1))
    z_t = (1.0 - t) * z0 + t * reward
    arrays = (backend.array(value) for value in (reward, 0.0 * reward, z_t, np.full((6, 1), t)))
    target = backend.numpy(backend.K.bellman_flow_target(*arrays, lambda y, w: y + w))
    # z_t and t r carry roundings of 2e-16 each, divided by 1 - t.
    assert_at_most(np.abs(target - (reward - z0)), 1e-15 / (1.0 - t) + 1e-14, what="distance from r - z0")


@settings(max_examples=examples(30))
@given(log_std=st.floats(-12.0, 12.0), z=st.floats(-3.0, 3.0))
@check("POL-1", "log_std is nowhere clipped: densities of scales from e^-12 to e^12, computed at 50 digits")
def test_extreme_scales(backend: Backend, log_std: float, z: float) -> None:
    x = np.exp(log_std) * z  # the mean is 0, so that x holds z to the last digit
    arrays = (backend.array(np.array([value])) for value in (x, 0.0, log_std))
    with mpmath.workdps(50):
        scaled = mpmath.mpf(x) / mpmath.exp(mpmath.mpf(log_std))
        expected = -(scaled**2) / 2 - mpmath.mpf(log_std) - mpmath.log(2 * mpmath.pi) / 2
    actual = backend.numpy(backend.K.gaussian_log_prob(*arrays))
    assert_close(actual, np.array(float(expected)), "exponential", what="log-density")
    noise = [backend.array(np.array([value])) for value in (0.0, log_std, z)]
    action = backend.numpy(backend.K.tanh_normal(*noise)[0])
    assert_close(action, np.array([np.tanh(x)]), "exponential", what="action")


@settings(max_examples=examples(20))
@given(size=st.floats(400.0, 1e6), sign=st.sampled_from([-1.0, 1.0]))
@check("POL-1", "an action saturated at |u| up to 1e6 has the density of its limit, -2 (log 2 - |u|) for tanh's slope")
def test_far_saturation(backend: Backend, size: float, sign: float) -> None:
    # e^-800 is nothing beside one.
    expected = -0.5 * np.log(2.0 * np.pi) - 2.0 * (np.log(2.0) - size)
    arrays = (backend.array(np.array([value])) for value in (sign * size, 0.0, 0.0))
    action, log_prob = backend.K.tanh_normal(*arrays)
    assert_exact(backend.numpy(action), np.array([sign]), what="action")
    assert_close(backend.numpy(log_prob), np.array(expected), "exponential", what="log-density")


@settings(max_examples=examples(20))
@given(maximum=st.floats(0.1, 6.0))
@check("GUID-1", "at the cap itself Linex is still exponential, its slope that of the exponential")
def test_linex_at_the_cap(backend: Backend, maximum: float) -> None:
    K, cap, one = backend.K, backend.array([maximum]), backend.array([0.0])
    loss = backend.numpy(K.linex_loss(one, cap, 1.0, maximum))
    assert_close(loss, np.array([np.exp(maximum)]), "exponential", what="loss at the cap")
    (slope,) = backend.grad(lambda q: backend.xp.sum(K.linex_loss(q, cap, 1.0, maximum)), one)
    assert_close(slope, np.array([1.0 - np.exp(maximum)]), "exponential", what="gradient at the cap")
