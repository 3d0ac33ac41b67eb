"""Soft values of sampled returns, and selection among candidate actions."""

import mpmath
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
TEMPERATURES = st.floats(0.05, 20.0)
SHAPES = st.sampled_from([(1, 3), (7,), (5, 4), (3, 2, 2)])
DRAWS = 20_000
# Rate of false alarms of one frequency test; about 400 of them in a full run leave less than one in 2000 runs.
FALSE_ALARM = 1e-6


def soft_value(backend: Backend, returns: np.ndarray, temperature: float, axis: int = 0) -> np.ndarray:
    """`logsumexp_q` from NumPy to NumPy."""
    return np.asarray(backend.numpy(backend.K.logsumexp_q(backend.array(returns), temperature, axis)))


def exact_soft_value(returns: np.ndarray, temperature: float) -> float:
    """temperature · log mean exp(returns/temperature) of a vector, at 50 digits."""
    with mpmath.workdps(50):
        total = sum(mpmath.exp(mpmath.mpf(float(z)) / mpmath.mpf(temperature)) for z in returns)
        return float(mpmath.mpf(temperature) * mpmath.log(total / len(returns)))


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES, temperature=TEMPERATURES, spread=st.floats(0.01, 50.0))
@check("LSE-2", "the soft value is temperature · log mean exp, computed at 50 digits")
def test_against_mpmath(backend: Backend, seed: int, shape: tuple[int, ...], temperature: float, spread: float) -> None:
    returns = spread * np.random.default_rng(seed).standard_normal(shape)
    expected = np.empty(shape[1:])
    for cell in np.ndindex(expected.shape):
        expected[cell] = exact_soft_value(returns[(slice(None), *cell)], temperature)
    assert_close(soft_value(backend, returns, temperature), expected, "exponential", what="soft value")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES, temperature=TEMPERATURES)
@check("LSE-2", "between mean and maximum, with Hoeffding's gap to the mean and τ log N to the maximum")
def test_bounds_and_limits(backend: Backend, seed: int, shape: tuple[int, ...], temperature: float) -> None:
    returns = np.random.default_rng(seed).uniform(-3.0, 3.0, shape)
    low, high = returns.mean(axis=0), returns.max(axis=0)
    rounding = 1e-12
    for tau in (1e-3 * temperature, temperature, 1e3 * temperature):
        q = soft_value(backend, returns, tau)
        assert_at_most(low - q, rounding, what="mean above soft value")
        assert_at_most(q - high, rounding, what="soft value above maximum")
        assert_at_most(high - q, tau * np.log(shape[0]) + rounding, what="distance to the maximum, τ → 0")
        # Hoeffding's lemma: log E exp(x) - E x ≤ range²/8. Large τ cancels digits in log mean exp.
        spread = returns.max(axis=0) - returns.min(axis=0)
        assert_at_most(q - low, spread**2 / (8.0 * tau) + 1e-15 * tau + rounding, what="distance to the mean, τ → ∞")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES, temperature=TEMPERATURES, shift=st.floats(-100.0, 100.0))
@check("LSE-2", "shift equivariant, decreasing in the temperature, and homogeneous: q(c z, c τ) = c q(z, τ)")
def test_equivariance(backend: Backend, seed: int, shape: tuple[int, ...], temperature: float, shift: float) -> None:
    returns = np.random.default_rng(seed).uniform(-3.0, 3.0, shape)
    q = soft_value(backend, returns, temperature)
    assert_close(soft_value(backend, returns + shift, temperature), q + shift, "exponential", what="shift")
    scaled = soft_value(backend, 2.5 * returns, 2.5 * temperature)
    assert_close(scaled, 2.5 * q, "exponential", what="scale")
    warmer = soft_value(backend, returns, 1.3 * temperature)
    assert_at_most(warmer - q, 1e-12, what="monotone in the temperature")


@settings(max_examples=examples(40))
@given(seed=SEEDS, temperature=TEMPERATURES, sign=st.sampled_from([-1.0, 1.0]))
@check("LSE-2", "returns of ±1e4 temperatures neither overflow nor vanish, nor do their gradients")
def test_no_overflow(backend: Backend, seed: int, temperature: float, sign: float) -> None:
    rng = np.random.default_rng(seed)
    returns = temperature * (sign * 1e4 + rng.uniform(-2.0, 2.0, 6))
    returns[0] = 0.0
    q = soft_value(backend, returns, temperature)
    assert_close(q, np.array(exact_soft_value(returns, temperature)), "exponential", what="soft value")
    K = backend.K
    (slope,) = backend.grad(lambda z: K.logsumexp_q(z, temperature, 0), backend.array(returns))
    # The gradient is the softmax; 1e4 · 1e-16 relative error of the exponent times six terms.
    weights = np.exp((returns - returns.max()) / temperature)
    assert_close(slope, weights / weights.sum(), "exponential", what="gradient is the softmax")


@settings(max_examples=examples(60))
@given(seed=SEEDS, temperature=TEMPERATURES, axis=st.sampled_from([0, 1, 2, -1, -2]))
@check("LSE-2", "`axis` is the axis averaged over, counted from either end")
def test_axis(backend: Backend, seed: int, temperature: float, axis: int) -> None:
    returns = np.random.default_rng(seed).uniform(-3.0, 3.0, (2, 3, 4))
    moved = np.ascontiguousarray(np.moveaxis(returns, axis, 0))
    along = soft_value(backend, returns, temperature, axis)
    assert_close(along, soft_value(backend, moved, temperature), "exponential", what="axis")


@settings(max_examples=examples(40))
@given(mean=st.floats(-3.0, 3.0), std=st.floats(0.1, 2.0), ratio=st.floats(1.0, 10.0))
@check("LSE-2", "returns N(μ, s²) have soft value μ + s²/(2τ)")
def test_gaussian_returns(backend: Backend, mean: float, std: float, ratio: float) -> None:
    temperature = ratio * std
    nodes = 2**15
    returns = norm.ppf((np.arange(nodes) + 0.5) / nodes, mean, std)
    q = soft_value(backend, returns, temperature)
    expected = mean + std**2 / (2.0 * temperature)
    # One node per equal share of probability: the outermost shares, 4σ out, cost 1.1e-4 σ at τ = σ (measured
    # against the integral), less above.
    assert_at_most(abs(float(q) - expected), 2e-4 * std, what="soft value of Gaussian returns")


def frequencies(backend: Backend, q: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """How often `softmax_select` picks each of the candidates, in DRAWS draws."""
    gumbel = np.random.default_rng(seed).gumbel(size=(len(q), DRAWS))
    values = np.broadcast_to(q[:, None], gumbel.shape).copy()
    index = backend.K.softmax_select(backend.array(values), temperature, backend.array(gumbel))
    return np.bincount(np.asarray(backend.numpy(index)), minlength=len(q))


@settings(max_examples=examples(40))
@given(seed=SEEDS, candidates=st.sampled_from([2, 5]), temperature=st.floats(0.3, 3.0))
@check("LSE-3", "candidates are picked with frequencies softmax(q/τ): chi-square, false alarms one in a million")
def test_softmax_frequencies(backend: Backend, seed: int, candidates: int, temperature: float) -> None:
    q = np.random.default_rng([seed, 1]).uniform(-1.0, 1.0, candidates)
    weights = np.exp(q / temperature)
    counts = frequencies(backend, q, temperature, seed)
    p_value = chisquare(counts, DRAWS * weights / weights.sum()).pvalue
    assert_at_most(FALSE_ALARM, p_value, what="rate of false alarms below the p-value")


@settings(max_examples=examples(20))
@given(seed=SEEDS, candidates=st.sampled_from([2, 5]))
@check("LSE-3", "τ → ∞ picks uniformly: chi-square, false alarms one in a million; τ → 0 always picks the argmax")
def test_softmax_limits(backend: Backend, seed: int, candidates: int) -> None:
    rng = np.random.default_rng([seed, 2])
    # Neighbours differ by 0.1 at least: at τ = 1e-3 a Gumbel difference of 100 would be needed to swap them.
    q = rng.permutation(np.arange(candidates)) * 0.5 + rng.uniform(0.0, 0.4, candidates)
    counts = frequencies(backend, q, 1e7, seed)
    assert_at_most(FALSE_ALARM, chisquare(counts).pvalue, what="rate of false alarms below the p-value")
    cold = np.zeros(candidates)
    cold[np.argmax(q)] = DRAWS
    assert_exact(frequencies(backend, q, 1e-3, seed).astype(float), cold, what="all draws at the argmax")


@settings(max_examples=examples(100))
@given(seed=SEEDS, batch=st.sampled_from([(), (4,), (2, 3)]), action=st.sampled_from([1, 3]))
@check("LSE-3", "best_of_n returns the candidate of the largest value bit for bit, the first of equals")
def test_best_of_n(backend: Backend, seed: int, batch: tuple[int, ...], action: int) -> None:
    rng = np.random.default_rng(seed)
    candidates = rng.standard_normal((6, *batch, action))
    q = rng.integers(0, 3, (6, *batch)).astype(float)  # few levels: most columns have ties
    chosen = backend.numpy(backend.K.best_of_n(backend.array(candidates), backend.array(q)))
    expected = np.empty((*batch, action))
    for cell in np.ndindex(batch):
        column = [q[(n, *cell)] for n in range(6)]
        expected[cell] = candidates[(column.index(max(column)), *cell)]
    assert_exact(chosen, expected, what="chosen action")
