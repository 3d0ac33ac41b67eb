"""How MeanFlow draws its times: MF-7."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS, normals
from veloq.verification.profiles import examples

# One Kolmogorov-Smirnov comparison goes red by chance once in a million runs; the draws are fixed by their seed,
# so that a run that is green stays green.
FALSE_POSITIVE = 1e-6
ROWS = 20_000


def logit_normal_cdf(x: Any, mean: float, std: float) -> Any:
    """P(sigmoid(mean + std n) ≤ x) = Φ((logit x - mean)/std)."""
    return special.ndtr((special.logit(x) - mean) / std)


def assert_law(sample: Any, cdf: Any, what: str) -> None:
    """The sample's distance from `cdf` is below the one that chance exceeds once in a million times."""
    result = stats.kstest(np.ravel(sample), cdf)
    assert_at_most(result.statistic, stats.kstwo.isf(FALSE_POSITIVE, np.size(sample)), what)


# The paper's own numbers are among the examples.
MEANS = st.one_of(st.just(-0.4), st.floats(-1.0, 1.0))
STDS = st.one_of(st.just(1.0), st.floats(0.3, 2.0))


@given(seed=SEEDS, mean=MEANS, std=STDS)
@settings(max_examples=examples(20))
@check("MF-7", "logit_normal(n) has the law of sigmoid(mean + std n): KS, false positives 1e-6")
def test_logit_normal_law(backend: Backend, seed: int, mean: float, std: float) -> None:
    time = backend.numpy(backend.K.logit_normal(normals(backend, seed, ROWS), mean, std))
    assert_law(time, lambda x: logit_normal_cdf(x, mean, std), "logit-normal times")


@given(seed=SEEDS, mean=MEANS, std=STDS, same=st.sampled_from([0.0, 0.25, 0.5]))
@settings(max_examples=examples(20))
@check("MF-7", "1 - t is the larger of two logit-normals, 1 - r the smaller (r = t rows: the larger): KS at 1e-6")
def test_laws_of_both_times(backend: Backend, seed: int, mean: float, std: float, same: float) -> None:
    draws = np.random.default_rng(seed).standard_normal((2, ROWS, 1))
    a, b = (backend.K.logit_normal(backend.array(each), mean, std) for each in draws)
    t, r = (backend.numpy(time) for time in backend.K.meanflow_times(a, b, same))
    cut = int(same * ROWS)
    # Independent logit-normals with distribution function F: the larger has F², the smaller 1 - (1-F)².
    assert_law(1 - t, lambda x: logit_normal_cdf(x, mean, std) ** 2, "1 - t")
    assert_law(1 - r[cut:], lambda x: 1 - (1 - logit_normal_cdf(x, mean, std)) ** 2, "1 - r")
    assert_exact(r[:cut], t[:cut], "rows with r = t")


@st.composite
def fractions(draw: Any) -> tuple[int, float, int]:
    """(B, same, number of rows meant): a whole number of rows, whose product rounds either way, or half a row more."""
    rows = draw(st.sampled_from([1, 49, 100]))
    meant = draw(st.integers(0, rows))
    more = draw(st.sampled_from([0.0, 0.5])) if meant < rows else 0.0
    return rows, (meant + more) / rows, meant


@given(fraction=fractions(), seed=SEEDS)
@settings(max_examples=examples(100))
@check("MF-7", "0 ≤ t ≤ r ≤ 1, r = t on exactly the first ⌊same·B⌋ rows, t the same whatever `same`")
def test_fraction_is_exact(backend: Backend, fraction: Any, seed: int) -> None:
    rows, same, cut = fraction
    a, b = np.random.default_rng(seed).uniform(size=(2, rows, 1))
    t, r = (backend.numpy(time) for time in backend.K.meanflow_times(backend.array(a), backend.array(b), same))
    assert_exact(np.flatnonzero(r == t), np.arange(cut), "rows where r = t")
    assert_at_most(t, r, "t against r")
    assert_at_most(r, 1.0, "r")
    assert_at_most(-t, 0.0, "t from below")
    assert_close(t, 1 - np.maximum(a, b), "elementwise", "t")
    assert_close(r[cut:], 1 - np.minimum(a, b)[cut:], "elementwise", "r")


@given(extreme=st.sampled_from([-40.0, -5.0, 5.0, 40.0]), mean=st.floats(-2.0, 2.0), std=st.floats(0.1, 3.0))
@settings(max_examples=examples(40))
@check("MF-7", "times stay in [0, 1] and finite for draws of any size")
def test_times_stay_in_the_unit_interval(backend: Backend, extreme: float, mean: float, std: float) -> None:
    time = backend.numpy(backend.K.logit_normal(backend.array([extreme, 0.0]), mean, std))
    assert_at_most(np.abs(time - 0.5), 0.5, "distance from the middle")
    assert_close(time, special.expit(mean + std * np.array([extreme, 0.0])), "exponential", "logit-normal time")
