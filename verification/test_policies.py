"""Densities of Gaussian and tanh-Gaussian policies, and the entropy temperature."""

import mpmath
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from([(1,), (4, 3), (2, 3, 2)])
MEANS = st.floats(-3.0, 3.0)
LOG_STDS = st.floats(-2.0, 1.0)


def sampled(backend: Backend, mean: np.ndarray, log_std: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
    """`tanh_normal` from NumPy to NumPy."""
    arrays = (backend.array(value) for value in (mean, log_std, noise))
    return [np.asarray(backend.numpy(part)) for part in backend.K.tanh_normal(*arrays)]


@settings(max_examples=examples(60))
@given(mean=MEANS, log_std=LOG_STDS)
@check("POL-1", "the tanh-normal density integrates to one over (-1, 1)")
def test_density_integrates_to_one(backend: Backend, mean: float, log_std: float) -> None:
    # Trapezoids in the noise, da = (1 - tanh² u) std dnoise, spacing 0.05: spectrally accurate for a Gaussian.
    noise = np.linspace(-9.0, 9.0, 361)[:, None]
    column = np.ones_like(noise)
    _, log_prob = sampled(backend, mean * column, log_std * column, noise)
    u = mean + np.exp(log_std) * noise[:, 0]
    mass = np.sum(np.exp(log_prob) * np.exp(log_std) / np.cosh(u) ** 2) * 0.05
    assert_close(mass, np.array(1.0), "exponential", what="total probability")


@settings(max_examples=examples(60))
@given(mean=st.floats(-1.0, 1.0), log_std=st.floats(-2.0, -0.5))
@check("POL-1", "integrated over the action itself, trapezoids between actions, the density gives the interval's mass")
def test_density_over_actions(backend: Backend, mean: float, log_std: float) -> None:
    a = np.linspace(-0.9, 0.9, 4001)[:, None]
    std = np.exp(log_std)
    noise = (np.arctanh(a) - mean) / std
    column = np.ones_like(a)
    action, log_prob = sampled(backend, mean * column, log_std * column, noise)
    assert_close(action, a, "exponential", what="action")
    mass = np.trapezoid(np.exp(log_prob), a[:, 0])
    ends = norm.cdf((np.arctanh([-0.9, 0.9]) - mean) / std)
    # Spacing 4.5e-4 against a bell no narrower than 0.13 · 0.19: error below 4e-4² / 12 · curvature.
    assert_at_most(abs(mass - (ends[1] - ends[0])), 1e-4, what="mass of [-0.9, 0.9]")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("POL-1", "scipy's normal density divided by 1 - a², summed over dimensions; the action is tanh of the sample")
def test_tanh_normal_against_scipy(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    mean, log_std = rng.uniform(-1.0, 1.0, shape), rng.uniform(-2.0, 0.0, shape)
    # Beyond |u| = 3 the naive 1 - a² itself loses digits; the saturated check covers that.
    noise = rng.uniform(-2.0, 2.0, shape)
    u = mean + np.exp(log_std) * noise
    expected = np.sum(norm.logpdf(u, mean, np.exp(log_std)) - np.log(1.0 - np.tanh(u) ** 2), axis=-1)
    action, log_prob = sampled(backend, mean, log_std, noise)
    assert_close(action, np.tanh(u), "elementwise", what="action")
    assert_close(log_prob, expected, "exponential", what="log-density")


@settings(max_examples=examples(60))
@given(mean=st.sampled_from([-300.0, -40.0, -19.0, 0.0, 19.0, 40.0, 300.0]), log_std=st.floats(-20.0, 2.0))
@check("POL-1", "saturated actions and extreme log_std keep a finite, exact log-density and finite gradients")
def test_saturation(backend: Backend, mean: float, log_std: float) -> None:
    noise = 0.7
    arrays = [np.array([mean]), np.array([log_std]), np.array([noise])]
    action, log_prob = sampled(backend, *arrays)
    with mpmath.workdps(400):  # 1 - tanh²(300) is 1e-260
        u = mpmath.mpf(mean) + mpmath.exp(mpmath.mpf(log_std)) * mpmath.mpf(noise)
        gaussian = -(mpmath.mpf(noise) ** 2) / 2 - mpmath.mpf(log_std) - mpmath.log(2 * mpmath.pi) / 2
        expected = float(gaussian + 2 * mpmath.log(mpmath.cosh(u)))
    assert_close(log_prob, np.array(expected), "exponential", what="log-density")
    assert_at_most(np.abs(action), 1.0, what="action within its bounds")
    slopes = backend.grad(lambda *at: backend.K.tanh_normal(*at)[1], *(backend.array(v) for v in arrays))
    for name, slope in zip(("mean", "log_std", "noise"), slopes, strict=True):
        assert_at_most(np.abs(slope), 1e4, what=f"gradient to {name}")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("POL-1", "gaussian_log_prob is scipy's multivariate normal density with a diagonal covariance")
def test_gaussian_against_scipy(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x, mean, log_std = rng.standard_normal(shape), rng.standard_normal(shape), rng.uniform(-2.0, 1.0, shape)
    arrays = (backend.array(value) for value in (x, mean, log_std))
    actual = backend.numpy(backend.K.gaussian_log_prob(*arrays))
    expected = np.empty(shape[:-1])
    for row in np.ndindex(shape[:-1]):
        expected[row] = multivariate_normal.logpdf(x[row], mean[row], np.diag(np.exp(2.0 * log_std[row])))
    assert_close(actual, expected, "exponential", what="log-density")


@settings(max_examples=examples(60))
@given(seed=SEEDS, log_temp=st.floats(-5.0, 2.0), target_entropy=st.floats(-10.0, 10.0))
@check("POL-1", "the temperature rests where the entropy meets its target, rises below it, and moves nothing else")
def test_entropy_temperature(backend: Backend, seed: int, log_temp: float, target_entropy: float) -> None:
    K, xp = backend.K, backend.xp
    centred = np.random.default_rng(seed).standard_normal(8)
    centred -= centred.mean()
    for excess in (-1.0, 0.0, 2.0):  # entropy minus target
        log_prob = centred - (target_entropy + excess)
        args = [backend.array(log_temp), backend.array(log_prob), backend.array(target_entropy)]
        slope, *others = backend.grad(lambda *at: xp.mean(K.entropy_temperature_loss(*at)), *args)
        expected = np.array(np.exp(log_temp) * excess)
        assert_close(slope, expected, "exponential", what="gradient to log_temp")
        for other in others:
            assert_exact(other, np.zeros(other.shape), what="gradient to the rest")
