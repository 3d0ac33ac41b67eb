"""How many candidates to choose among when the critic is noisy, DOAL's Proposition 3 by simulation: DOAL-5."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from veloq.verification.assertions import assert_at_most
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

Values = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
TRIALS = 2000
# By Hoeffding's inequality, for values in [0, 1]: a mean of TRIALS is off by RADIUS, or a difference of two such
# means by GAP, at most once in a million.
FALSE_ALARM = 1e-6
RADIUS = np.sqrt(np.log(2.0 / FALSE_ALARM) / (2.0 * TRIALS))
GAP = np.sqrt(np.log(1.0 / FALSE_ALARM) / TRIALS)


def chosen(backend: Backend, values: Values, estimates: Values) -> Values:
    """True value of the candidate that `best_of_n` takes by its estimate, per trial; both (n, trials)."""
    # The true value itself is the action, so that the choice carries it along.
    actions = backend.array(values[..., None])
    return np.asarray(backend.numpy(backend.K.best_of_n(actions, backend.array(estimates))))[:, 0]


def estimates_of(rng: np.random.Generator, index: Values) -> tuple[Values, Values]:
    """One standard normal and one uniform number per action and trial: the same action, the same error."""
    order = np.argsort(index, axis=0)
    ordered = np.take_along_axis(index, order, axis=0)
    new = np.concatenate([np.ones((1, index.shape[1]), bool), ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(new, np.arange(len(index))[:, None], 0), axis=0)
    back = np.argsort(order, axis=0)
    normal, uniform = rng.standard_normal(index.shape), rng.random(index.shape)
    where = np.take_along_axis(first, back, axis=0)
    return np.take_along_axis(normal, where, axis=0), np.take_along_axis(uniform, where, axis=0)


def infinite_bandit(rng: np.random.Generator, n: int, share: float, best: float) -> tuple[Values, Values]:
    """n draws per trial from countably many actions, and their estimates, as in Proposition 3.

    Action 0 is drawn with probability `share` and worth `best`; action i ≥ 1 has P(≥ i) = (1-share) i^{-1/2}, is
    worth something in [-0.3, 0] and is estimated with an error of standard deviation 0.8 to 1.2.
    """
    tail = np.floor((1.0 - rng.random((n, TRIALS))) ** -2.0)
    index = np.where(rng.random((n, TRIALS)) < share, 0.0, tail)
    error, place = estimates_of(rng, index)
    values = np.where(index == 0.0, best, -0.3 * place)
    return values, values + (0.8 + 0.4 * place) * error


@given(seed=SEEDS, share=st.floats(0.15, 0.25), best=st.floats(1.3, 1.7))
@settings(max_examples=examples(5))
@check(
    "DOAL-5", "countably many actions, errors N(0, σ_i²) that stay: true value of 8 candidates above 1 and above 512"
)
def test_value_rises_then_falls(backend: Backend, seed: int, share: float, best: float) -> None:
    counts = (1, 8, 512)
    found = []
    for n in counts:
        values, estimates = infinite_bandit(np.random.default_rng([seed, n]), n, share, best)
        found.append((float(chosen(backend, values, estimates).mean()) + 0.3) / (best + 0.3))
    assert_at_most(GAP, found[1] - found[0], "rise from 1 to 8 candidates, false alarms 1e-6")
    assert_at_most(GAP, found[1] - found[2], "fall from 8 to 512 candidates, false alarms 1e-6")


def share_of_good(n: int, good: float, gap: float, stds: tuple[float, float]) -> float:
    """P(the largest of n estimates belongs to a good action), by quadrature over that estimate.

    Estimates are N(gap, stds[0]²) with probability `good`, else N(0, stds[1]²).
    """

    def density(q: float) -> float:
        below = good * norm.cdf(q, gap, stds[0]) + (1.0 - good) * norm.cdf(q, 0.0, stds[1])
        return float(n * good * norm.pdf(q, gap, stds[0]) * below ** (n - 1))

    return float(quad(density, gap - 9.0 * stds[0], gap + 9.0 * stds[0], limit=400)[0])


@pytest.mark.parametrize("errors", ["larger where it is worse", "equal"])
@given(seed=SEEDS, good=st.floats(0.1, 0.3), gap=st.floats(1.4, 1.8))
@settings(max_examples=examples(4))
@check(
    "DOAL-5", "fresh errors: a rise and a fall if they are larger on worse actions, but only a rise if all are alike"
)
def test_share_of_good_actions(backend: Backend, errors: str, seed: int, good: float, gap: float) -> None:
    stds = (1.0, 1.0) if errors == "equal" else (0.2, 1.0)
    shares = []
    for n in (1, 4, 16, 256):
        rng = np.random.default_rng([seed, n])
        values = (rng.random((n, TRIALS)) < good).astype(float)
        error = rng.standard_normal((n, TRIALS)) * np.where(values == 1.0, *stds)
        shares.append(share_of_good(n, good, gap, stds))
        frequency = float(chosen(backend, values, gap * values + error).mean())
        assert_at_most(abs(frequency - shares[-1]), RADIUS, "frequency against quadrature, false alarms 1e-6")
    assert_at_most(GAP, shares[1] - shares[0], "rise from 1 to 4 candidates")
    if errors == "equal":
        # E[value | estimate] rises with the estimate where all errors are alike, and the largest estimate with n.
        assert_at_most(GAP, shares[3] - shares[2], "rise from 16 to 256 candidates")
    else:
        assert_at_most(GAP, max(shares) - shares[3], "fall from the peak to 256 candidates")


def never_left(spacing: float) -> float:
    """P(ε_0 > ε_i - i · spacing for every i ≥ 1), independent standard normals: action 0 is best of all, for good."""

    def density(e: float) -> float:
        return float(norm.pdf(e) * np.prod(norm.cdf(e + spacing * np.arange(1, 60))))

    return float(quad(density, -9.0, 9.0, limit=200)[0])


@given(seed=SEEDS, spacing=st.floats(0.5, 3.0))
@settings(max_examples=examples(4))
@check("DOAL-5", "Prop. 3 needs means bounded below: with μ_i = -i d and σ_i = 1 the best action stays the choice")
def test_falling_means_keep_the_best(backend: Backend, seed: int, spacing: float) -> None:
    rng, n = np.random.default_rng(seed), 256
    index = rng.geometric(0.5, (n, TRIALS)).astype(float) - 1.0
    error, _ = estimates_of(rng, index)
    frequency = float((chosen(backend, -index, error - spacing * index) == 0.0).mean())
    # Action 0 is among 256 draws at one half each; those not drawn can only help it.
    assert_at_most(never_left(spacing) - frequency, RADIUS, "shortfall against every action there is")
    assert_at_most(0.3, never_left(spacing), "probability that no number of candidates ever leaves the best action")
