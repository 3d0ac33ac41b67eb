"""Statements on finite decision processes: soft values by enumeration, and targets along reversed flows."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField
from veloq.verification.finite_mdps import FiniteTree
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
# tanh networks of this scale have Lipschitz constants below 3: ten Euler steps are then invertible.
SCALE = 0.6


def log_mean_exp(returns: np.ndarray, temperature: float) -> float:
    """temperature · log mean exp(returns/temperature), at 40 digits."""
    with mpmath.workdps(40):
        total = sum(mpmath.exp(mpmath.mpf(float(z)) / mpmath.mpf(temperature)) for z in returns)
        return float(mpmath.mpf(temperature) * mpmath.log(total / len(returns)))


@settings(max_examples=examples(60))
@given(seed=SEEDS, horizon=st.integers(1, 4), tickets=st.sampled_from([2, 3]), temperature=st.floats(0.1, 10.0))
@check("LSE-1", "deterministic MDPs: the soft value recursion is log-mean-exp of the returns of all trajectories")
def test_soft_recursion_enumerates(backend: Backend, seed: int, horizon: int, tickets: int, temperature: float) -> None:
    states = 4
    tree = FiniteTree.random(np.random.default_rng(seed), states, tickets, horizon)
    value = np.zeros(states)
    for _ in range(horizon):
        q = tree.reward + value[tree.successor]
        value = backend.numpy(backend.K.logsumexp_q(backend.array(q.T), temperature, 0))
    returns = np.stack([tree.returns(state) for state in range(states)], axis=1)
    expected = np.array([log_mean_exp(column, temperature) for column in returns.T])
    assert_close(value, expected, "exponential", what="recursion against enumeration")
    direct = backend.K.logsumexp_q(backend.array(returns), temperature, 0)
    assert_close(backend.numpy(direct), expected, "exponential", what="soft value of all returns")


@settings(max_examples=examples(40))
@given(temperature=st.floats(0.2, 5.0), gap=st.floats(0.5, 3.0), low=st.floats(-2.0, 2.0))
@check("LSE-1", "a stochastic MDP where it fails: log-mean-exp over outcomes exceeds the soft Bellman value E V")
def test_soft_recursion_fails_when_stochastic(backend: Backend, temperature: float, gap: float, low: float) -> None:
    # One action, then a coin decides between two returns: the Bellman value averages over what no one chooses.
    returns = np.array([low, low + gap])
    bellman = low + gap / 2.0
    soft = backend.numpy(backend.K.logsumexp_q(backend.array(returns), temperature, 0))
    # mean of e^{±x} is cosh x, x = gap/(2 temperature)
    expected = bellman + temperature * np.log(np.cosh(gap / (2.0 * temperature)))
    assert_close(soft, np.array(expected), "exponential", what="optimism over the coin")
    # log cosh x ≥ x²/2 - x⁴/12
    x = gap / (2.0 * temperature)
    floor = max(temperature * (x**2 / 2.0 - x**4 / 12.0), temperature * (x - np.log(2.0)))
    assert_at_most(floor - (float(soft) - bellman), 1e-12, what="excess over the Bellman value")


class FlowMDP:
    """States 0..S-1, each with its own flow policy; the action decides reward and successor."""

    def __init__(self, seed: int, states: int, action: int, discount: float) -> None:
        rng = np.random.default_rng(seed)
        self.discount, self.states, self.action = discount, states, action
        self.fields = [MLPField(seed + s, action, scale=SCALE) for s in range(states)]
        self.value = rng.uniform(-2.0, 2.0, states)
        self.direction = rng.standard_normal((states, action))
        self.successor = rng.integers(states, size=(states, 2))

    def target(self, state: int, a: np.ndarray) -> np.ndarray:
        """End-of-flow target r(s, a) + discount V(s') of actions (..., A)."""
        reward = np.tanh(a @ self.direction[state])
        successor = self.successor[state][(a[..., 0] > 0.0).astype(int)]
        return np.asarray(reward + self.discount * self.value[successor])


def rest_of_flow(field: object, x: np.ndarray, done: int, steps: int, backend: Backend) -> np.ndarray:
    """The action that the policy makes of x, `done` of `steps` Euler steps being over."""
    for i in range(done, steps):
        time = np.full((*x.shape[:-1], 1), i / steps)
        x = x + backend.numpy(field(backend.array(x), backend.array(time))) / steps  # type: ignore[operator]
    return x


@settings(max_examples=examples(15))
@given(seed=st.integers(0, 2**31), steps=st.sampled_from([4, 10]), action=st.sampled_from([1, 3]))
@check("REV-4", "along an exactly inverted flow every multi-step target equals the end-of-flow target: zero variance")
def test_multi_step_target_is_exact(backend: Backend, seed: int, steps: int, action: int) -> None:
    mdp = FlowMDP(seed, states=2, action=action, discount=0.97)
    rng = np.random.default_rng([seed, 3])
    for state in range(mdp.states):
        field = mdp.fields[state].field(backend)
        # The successor jumps at a_0 = 0: a dataset action has a definite one.
        a = rng.uniform(-1.0, 1.0, (3, action))
        a[:, 0] = np.sign(a[:, 0]) * (0.05 + np.abs(a[:, 0]))
        x0, residual = backend.K.invert_euler(field, backend.array(a), steps, 60)
        assert_at_most(backend.numpy(residual), 1e-13, what="residual of the inverse")
        path = backend.numpy(backend.K.euler_path(field, x0, steps))
        targets = np.stack(
            [mdp.target(state, rest_of_flow(field, path[i], i, steps, backend)) for i in range(steps + 1)]
        )
        expected = np.broadcast_to(mdp.target(state, a), targets.shape)
        assert_close(targets, expected, "recursion", what="multi-step target at every flow step")
        assert_at_most(targets.std(axis=0), 1e-10, what="standard deviation over flow steps")


@settings(max_examples=examples(6))
@given(seed=st.integers(0, 2**31))
@check("REV-4", "along reverse_euler the policy misses the data action, and the target its value, by O(1/steps)")
def test_explicit_reversal_misses_by_first_order(backend: Backend, seed: int) -> None:
    mdp = FlowMDP(seed, states=1, action=3, discount=0.0)
    field = mdp.fields[0].field(backend)
    a = np.random.default_rng([seed, 4]).uniform(-1.0, 1.0, (8, 3))
    steps, errors = [10, 20, 40, 80], []
    for count in steps:
        x0 = backend.K.reverse_euler(field, backend.array(a), backend.array(np.zeros((8, 1))), count)
        again = backend.numpy(backend.K.euler(field, x0, count))
        errors.append(float(np.sqrt(np.mean((mdp.target(0, again) - mdp.target(0, a)) ** 2))))
    assert_order(steps, errors, 1, what="target error along reverse_euler")
    assert_at_most(1e-5, errors[0], what="reversal at ten steps is not exact")


# Product over i < T of (1 + h J(i h)) (1 - h J((i+1) h)), J(t) = (t s² - (1-t))/((1-t)² + t² s²), in plain Python:
# the action moves from m + d to m + factor · d. T = 10.
@pytest.mark.parametrize(("std", "factor"), [(0.5, 0.7422946107329736), (0.1, 0.380992218861978)])
@settings(max_examples=examples(10))
@given(mean=st.floats(-1.0, 1.0), offset=st.floats(-2.0, 2.0))
@check("REV-4", "how far reversal and flow in ten steps pull an action to the mean, for Gaussian data")
def test_explicit_reversal_on_gaussian_data(
    backend: Backend, std: float, factor: float, mean: float, offset: float
) -> None:
    field = GaussianFlow(np.array([mean]), np.array([std])).velocity(backend.xp)
    a = backend.array([[mean + offset]])
    x0 = backend.K.reverse_euler(field, a, backend.array([[0.0]]), 10)
    again = backend.numpy(backend.K.euler(field, x0, 10))
    assert_close(again, np.array([[mean + factor * offset]]), "recursion", what="action after there and back")
