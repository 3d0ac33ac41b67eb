"""Ensembles, temporal-difference targets, expectiles and the returns of action chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import expectile

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
KAPPAS = st.floats(0.05, 0.95)
DISCOUNTS = st.floats(0.0, 1.0)
ENSEMBLES = st.sampled_from([(1, 3), (2, 1), (5, 4), (3, 2, 2)])


@settings(max_examples=examples(100))
@given(seed=SEEDS, rho=st.floats(0.0, 2.0), shape=ENSEMBLES)
@check("VAL-1", "pessimism subtracts rho population standard deviations: numpy's ddof = 0")
def test_ensembles(backend: Backend, seed: int, rho: float, shape: tuple[int, ...]) -> None:
    q = 3.0 * np.random.default_rng(seed).standard_normal(shape)
    K, array = backend.K, backend.array(q)
    lower = backend.numpy(K.ensemble_lower_bound(array, rho))
    assert_close(lower, q.mean(axis=0) - rho * q.std(axis=0, ddof=0), "reduction", what="lower bound")
    assert_close(backend.numpy(K.ensemble_mean(array)), q.mean(axis=0), "reduction", what="mean")
    assert_exact(backend.numpy(K.ensemble_min(array)), q.min(axis=0), what="minimum")


@settings(max_examples=examples(30))
@given(value=st.floats(-3.0, 3.0), rho=st.floats(0.0, 2.0), members=st.sampled_from([1, 2, 10]))
@check("VAL-1", "where all members agree the lower bound is their value and its gradient is finite")
def test_lower_bound_at_a_tie(backend: Backend, value: float, rho: float, members: int) -> None:
    q, K = np.full((members, 1), value), backend.K
    bound = backend.numpy(K.ensemble_lower_bound(backend.array(q), rho))
    assert_close(bound, np.array([value]), "reduction", what="lower bound of equals")
    (slope,) = backend.grad(lambda z: backend.xp.sum(K.ensemble_lower_bound(z, rho)), backend.array(q))
    # The standard deviation has a kink here: of its slopes the symmetric one is zero.
    assert_close(slope, np.full(q.shape, 1.0 / members), "reduction", what="gradient at a tie")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=ENSEMBLES, discount=DISCOUNTS, rho=st.floats(0.0, 2.0))
@check("VAL-1", "targets are r + γ mask v(q_next): the mask cuts the bootstrap, not the reward; no gradient passes")
def test_td_targets(backend: Backend, seed: int, shape: tuple[int, ...], discount: float, rho: float) -> None:
    rng = np.random.default_rng(seed)
    q_next, reward = 3.0 * rng.standard_normal(shape), rng.standard_normal(shape[1:])
    mask = rng.integers(0, 2, shape[1:]).astype(float)
    K, arrays = backend.K, [backend.array(v) for v in (q_next, reward)]
    m = backend.array(mask)
    pessimistic = backend.numpy(K.td_target_pessimistic(*arrays, discount, m, rho))
    smallest = backend.numpy(K.td_target_min(*arrays, discount, m))
    for index in np.ndindex(shape[1:]):
        members = [float(q_next[(k, *index)]) for k in range(shape[0])]
        mean = sum(members) / len(members)
        std = (sum((member - mean) ** 2 for member in members) / len(members)) ** 0.5
        kept = discount if mask[index] else 0.0
        expected = np.array(reward[index] + kept * (mean - rho * std))
        assert_close(pessimistic[index], expected, "reduction", what="pessimistic target")
        expected = np.array(reward[index] + kept * min(members))
        assert_close(smallest[index], expected, "reduction", what="target of the minimum")
    assert_exact(pessimistic[mask == 0.0], reward[mask == 0.0], what="terminal target")
    slopes = backend.grad(
        lambda q, r: backend.xp.sum(
            K.td_target_pessimistic(q, r, discount, m, rho) + K.td_target_min(q, r, discount, m)
        ),
        *arrays,
    )
    for slope in slopes:
        assert_exact(slope, np.zeros(slope.shape), what="gradient through a target")


@settings(max_examples=examples(100))
@given(seed=SEEDS, kappa=KAPPAS, size=st.sampled_from([2, 7, 20]))
@check("VAL-1", "the minimiser of the expectile loss of y - m is scipy.stats.expectile; kappa weighs y above m")
def test_expectile_minimiser(backend: Backend, seed: int, kappa: float, size: int) -> None:
    y, K, xp = 2.0 * np.random.default_rng(seed).standard_normal(size), backend.K, backend.xp
    best = float(expectile(y, alpha=kappa))
    samples = backend.array(y)

    def slope(m: float) -> float:
        (value,) = backend.grad(lambda at: xp.sum(K.expectile_loss(samples - at, kappa)), backend.array(m))
        return float(value)

    # scipy solves for the root with brentq at its default 2e-12.
    assert_at_most(abs(slope(best)), 2.0 * size * 1e-10, what="gradient at scipy's expectile")
    # The loss is 2 min(kappa, 1-kappa)-strongly convex per sample.
    for step in (-0.1, 0.1):
        growth = np.sign(step) * slope(best + step)
        assert_at_most(2.0 * size * min(kappa, 1.0 - kappa) * 0.1 * 0.999, growth, what="growth of the gradient")


@settings(max_examples=examples(100))
@given(seed=SEEDS, kappa=KAPPAS)
@check("VAL-1", "expectile 0.5 is half the squared error; losses of +d and -d add up to d²")
def test_expectile_half(backend: Backend, seed: int, kappa: float) -> None:
    diff = 3.0 * np.random.default_rng(seed).standard_normal((3, 4))
    diff[0, 0] = 0.0
    loss = backend.numpy(backend.K.expectile_loss(backend.array(diff), 0.5))
    assert_close(loss, diff**2 / 2.0, "elementwise", what="kappa = 0.5")
    up = backend.numpy(backend.K.expectile_loss(backend.array(np.abs(diff)), kappa))
    down = backend.numpy(backend.K.expectile_loss(backend.array(-np.abs(diff)), kappa))
    assert_close(up, kappa * diff**2, "elementwise", what="diff above zero")
    assert_close(up + down, diff**2, "elementwise", what="both signs")


@settings(max_examples=examples(100))
@given(seed=SEEDS, inv_temp=st.floats(0.0, 10.0), maximum=st.floats(1.0, 200.0))
@check("VAL-1", "advantage weights are min(exp(inv_temp A), maximum): 1 at A = 0, no overflow, no gradient")
def test_advantage_weight(backend: Backend, seed: int, inv_temp: float, maximum: float) -> None:
    advantage = np.random.default_rng(seed).uniform(-3.0, 3.0, (2, 5))
    advantage[0, :3] = 0.0, 1e5, -1e5
    K, array = backend.K, backend.array(advantage)
    weight = backend.numpy(K.advantage_weight(array, inv_temp, maximum))
    exponent = np.minimum(inv_temp * advantage, 700.0)  # e^700 is finite and above every maximum
    assert_close(weight, np.minimum(np.exp(exponent), maximum), "exponential", what="weight")
    assert_exact(weight[0, 0], np.array(1.0), what="weight of a zero advantage")
    (slope,) = backend.grad(lambda z: backend.xp.sum(K.advantage_weight(z, inv_temp, maximum)), array)
    assert_exact(slope, np.zeros(slope.shape), what="gradient through the weight")


def window_by_hand(
    rewards: list[float], masks: list[float], terminals: list[float], discount: float
) -> tuple[float, float, float]:
    """Spec card 0.4, step by step: accumulate until a terminal has been passed, then carry."""
    total, mask, over = rewards[0], masks[0], terminals[0] == 1.0
    for k in range(1, len(rewards)):
        valid = 0.0 if over else 1.0
        if not over:
            total += discount**k * rewards[k]
            mask = min(mask, masks[k])
        over = over or terminals[k] == 1.0
    return total, mask, 1.0 if len(rewards) == 1 else valid


@settings(max_examples=examples(100))
@given(seed=SEEDS, h=st.sampled_from([1, 2, 5]), batch=st.sampled_from([(1,), (8,), (2, 3)]), discount=DISCOUNTS)
@check("VAL-2", "chunk_return is the step-by-step rule of spec card 0.4 for any rewards, masks and terminals")
def test_chunk_return(backend: Backend, seed: int, h: int, batch: tuple[int, ...], discount: float) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.standard_normal((*batch, h))
    masks, terminals = (rng.binomial(1, p, (*batch, h)).astype(float) for p in (0.8, 0.25))
    actual = backend.K.chunk_return(*(backend.array(v) for v in (rewards, masks, terminals)), discount)
    expected = np.empty((3, *batch))
    for row in np.ndindex(batch):
        window = (rewards[row].tolist(), masks[row].tolist(), terminals[row].tolist())
        expected[(slice(None), *row)] = window_by_hand(*window, discount)
    for name, got, want in zip(("return", "mask", "valid"), actual, expected, strict=True):
        assert_close(backend.numpy(got), want, "reduction", what=name)


# Two trajectories in one buffer: rows 0-3 end in success (mask 0), rows 4-7 are cut off with their task solved
# on the way at row 5 (mask 0, no terminal). Windows of three steps, discount 1/2, computed by hand:
# return = r_k/2^k summed up to and including the first terminal.
BUFFER = {
    "rewards": [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0],
    "masks": [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0],
    "terminals": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
}
WINDOWS = [
    (0, 1.0 + 1.0 + 0.75, 1.0, 1.0),  # before the terminal
    (1, 2.0 + 1.5 + 1.0, 0.0, 1.0),  # the last step is the terminal: valid, bootstrap cut
    (2, 3.0 + 2.0, 0.0, 0.0),  # crosses into the next trajectory after two steps
    (3, 4.0, 0.0, 0.0),  # starts at the terminal
    (4, 10.0 + 10.0 + 7.5, 0.0, 1.0),  # passes row 5: bootstrap cut, later rewards still counted
    (5, 20.0 + 15.0 + 10.0, 0.0, 1.0),  # starts at row 5, ends at the second terminal
]


@pytest.mark.parametrize(("start", "total", "mask", "valid"), WINDOWS)
@check("VAL-2", "windows of a two-trajectory buffer before, at and across a terminal, and over a mask of 0")
def test_two_trajectories(backend: Backend, start: int, total: float, mask: float, valid: float) -> None:
    window = [backend.array(column[start : start + 3]) for column in BUFFER.values()]
    actual = [backend.numpy(part) for part in backend.K.chunk_return(*window, 0.5)]
    for name, got, want in zip(("return", "mask", "valid"), actual, (total, mask, valid), strict=True):
        assert_exact(got, np.array(want), what=name)
