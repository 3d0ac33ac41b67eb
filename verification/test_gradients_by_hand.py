"""Gradients in closed form, which no implementation's own derivative enters: a gradient cut in all of them is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=examples(20))
@given(seed=SEEDS, rho=st.floats(0.1, 2.0), members=st.sampled_from([2, 5]))
@check("VAL-1", "the lower bound's gradient is (1 - rho (q - mean)/std)/K: it passes through the spread")
def test_lower_bound(backend: Backend, seed: int, rho: float, members: int) -> None:
    rng = np.random.default_rng(seed)
    q = rng.uniform(-2.0, 2.0, (members, 3))
    q[0], q[1] = -3.0, 3.0  # a spread of one at least
    (slope,) = backend.grad(lambda z: backend.xp.sum(backend.K.ensemble_lower_bound(z, rho)), backend.array(q))
    expected = (1.0 - rho * (q - q.mean(axis=0)) / q.std(axis=0)) / members
    assert_close(slope, expected, "derivative", what="gradient to the members")


@settings(max_examples=examples(20))
@given(seed=SEEDS)
@check("POL-1", "the log-density of a sampled action has gradient 2a to the mean: it passes through the sample")
def test_tanh_normal(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, log_std, noise = rng.uniform(-1.0, 1.0, (3, 2)), rng.uniform(-2.0, 0.5, (3, 2)), rng.standard_normal((3, 2))
    arrays = [backend.array(value) for value in (mean, log_std, noise)]
    slopes = backend.grad(lambda *at: backend.xp.sum(backend.K.tanh_normal(*at)[1]), *arrays)
    moved = np.exp(log_std) * noise
    # log p = log N(noise) - log_std - log(1 - a²), and d log(1 - a²)/du = -2a
    a = np.tanh(mean + moved)
    expected = (2.0 * a, 2.0 * a * moved - 1.0, 2.0 * a * np.exp(log_std) - noise)
    for name, slope, want in zip(("mean", "log_std", "noise"), slopes, expected, strict=True):
        assert_close(slope, want, "derivative", what=f"gradient to {name}")


@settings(max_examples=examples(20))
@given(seed=SEEDS)
@check("LSE-3", "best_of_n passes the gradient to the chosen candidate alone, and none to the values")
def test_best_of_n(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    candidates, q, weight = rng.standard_normal((4, 3, 2)), rng.standard_normal((4, 3)), rng.standard_normal((3, 2))
    w = backend.array(weight)
    to_candidates, to_q = backend.grad(
        lambda *at: backend.xp.sum(w * backend.K.best_of_n(*at)), backend.array(candidates), backend.array(q)
    )
    expected = np.where((q == q.max(axis=0))[..., None], weight, 0.0)
    assert_close(to_candidates, expected, "elementwise", what="gradient to the candidates")
    assert_exact(to_q, np.zeros(q.shape), what="gradient to the values")


@pytest.mark.parametrize("name", ["ddim_sample", "dac_sample", "ddpm_sample", "qsm_sample"])
@settings(max_examples=examples(3))
@given(seed=SEEDS, slope=st.floats(0.2, 0.9))
@check(
    "VP-1", "with a linear noise prediction samplers are affine while nothing clips: gradients are difference quotients"
)
def test_samplers(backend: Backend, name: str, seed: int, slope: float) -> None:
    rng = np.random.default_rng(seed)
    steps = 3
    # Estimates are at most 0.01 (1 + slope)/√ᾱ_3 at first and shrink: far from the clip at one.
    points, noises = 0.01 * rng.uniform(-1.0, 1.0, (2, 3, 2)), backend.array(np.zeros((steps - 1, 3, 2)))

    def sample(x: Array, factor: Array) -> Array:
        last = steps if name == "ddim_sample" else noises
        return getattr(backend.K, name)(lambda at, i: factor * at, x, last, 0.1, 10.0)

    def total(x: Array, factor: Array) -> Array:
        return backend.xp.sum(sample(x, factor))

    x, factor = backend.array(points[0]), backend.array(slope)
    to_x, to_factor = backend.grad(total, x, factor)
    here, beside = (backend.numpy(sample(backend.array(point), factor)) for point in points)
    # Coordinates do not mix.
    assert_close(to_x * (points[1] - points[0]), beside - here, "sampler", what="gradient to x, times the difference")
    # A polynomial of degree three in the factor: this quotient of four points is its derivative.
    h = 0.1
    weights = {-2.0: 1.0 / 12.0, -1.0: -2.0 / 3.0, 1.0: 2.0 / 3.0, 2.0: -1.0 / 12.0}
    quotient = sum(share * float(backend.numpy(total(x, backend.array(slope + k * h)))) for k, share in weights.items())
    assert_close(to_factor, np.array(quotient / h), "sampler", what="gradient to a parameter of the network")
