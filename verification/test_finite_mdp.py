"""Statements on finite decision processes: soft values by enumeration, and targets along reversed flows."""

import functools
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_order
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.finite_mdps import FiniteTree
from veloq.verification.gaussian_cases import fast, parameters
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


@settings(max_examples=examples(40))
@given(seed=SEEDS, horizon=st.integers(1, 3), temperature=st.floats(0.1, 10.0))
@check(
    "LSE-1", "random stochastic MDPs: log-mean-exp over trajectories is the soft value of choosing the coins as well"
)
def test_soft_recursion_on_stochastic_mdps(backend: Backend, seed: int, horizon: int, temperature: float) -> None:
    states, K = 3, backend.K
    # Two actions per state, each followed by one of two successors at the toss of a coin.
    tree = FiniteTree.random(np.random.default_rng(seed), states, 4, horizon)
    chosen, tossed = np.zeros(states), np.zeros(states)
    for _ in range(horizon):
        q = tree.reward + chosen[tree.successor]
        chosen = backend.numpy(K.logsumexp_q(backend.array(q.T), temperature, 0))
        mean = (tree.reward + tossed[tree.successor]).reshape(states, 2, 2).mean(axis=-1)
        tossed = backend.numpy(K.logsumexp_q(backend.array(mean.T), temperature, 0))
    returns = np.stack([tree.returns(state) for state in range(states)], axis=1)
    over_trajectories = backend.numpy(K.logsumexp_q(backend.array(returns), temperature, 0))
    assert_close(over_trajectories, chosen, "exponential", what="trajectories against a recursion that owns the coins")
    # Jensen: the coin's log-mean-exp exceeds its mean, at every step; rounding of values up to 3.
    assert_at_most(tossed - over_trajectories, 1e-13, what="Bellman's soft value above log-mean-exp")


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


def rest_of_flow(network: MLPField, x: np.ndarray, done: int, steps: int) -> np.ndarray:
    """The action that the policy makes of x, `done` of `steps` Euler steps being over."""
    for i in range(done, steps):
        x = x + velocity(np, network.weights, x, i / steps) / steps
    return x


def inverse(backend: Backend, steps: int, weights: Any, a: Any) -> Any:
    """The noise that a network's Euler flow turns into the action, and the residual."""
    return backend.K.invert_euler(lambda x, t: velocity(backend.xp, weights, x, t), a, steps, 60)


def flow_path(backend: Backend, steps: int, weights: Any, x0: Any) -> Any:
    """All states of a network's Euler flow."""
    return backend.K.euler_path(lambda x, t: velocity(backend.xp, weights, x, t), x0, steps)


def there_and_back(backend: Backend, steps: int, weights: Any, a: Any) -> Any:
    """What a network's Euler flow makes of the noise that `reverse_euler` finds for an action."""

    def field(x: Any, t: Any) -> Any:
        return velocity(backend.xp, weights, x, t)

    x0 = backend.K.reverse_euler(field, a, backend.xp.zeros_like(a[..., :1]), steps)
    return backend.K.euler(field, x0, steps)


def gaussian_there_and_back(backend: Backend, steps: int, mean: Any, std: Any, a: Any) -> Any:
    """The same along a Gaussian flow."""
    field = GaussianFlow(mean, std).velocity(backend.xp)
    x0 = backend.K.reverse_euler(field, a, backend.xp.zeros_like(a), steps)
    return backend.K.euler(field, x0, steps)


@settings(max_examples=examples(15))
@given(seed=st.integers(0, 2**31), steps=st.sampled_from([4, 10]), action=st.sampled_from([1, 3]))
@check("REV-4", "along an exactly inverted flow every multi-step target equals the end-of-flow target: zero variance")
def test_multi_step_target_is_exact(backend: Backend, seed: int, steps: int, action: int) -> None:
    mdp = FlowMDP(seed, states=2, action=action, discount=0.97)
    rng = np.random.default_rng([seed, 3])
    for state in range(mdp.states):
        weights = on(backend, mdp.fields[state].weights, "float64")
        # The successor jumps at a_0 = 0: a dataset action has a definite one.
        a = rng.uniform(-1.0, 1.0, (3, action))
        a[:, 0] = np.sign(a[:, 0]) * (0.05 + np.abs(a[:, 0]))
        x0, residual = fast(backend, inverse, steps)(weights, backend.array(a))
        assert_at_most(backend.numpy(residual), 1e-13, what="residual of the inverse")
        path = backend.numpy(fast(backend, flow_path, steps)(weights, x0))
        rest = functools.partial(rest_of_flow, mdp.fields[state])
        targets = np.stack([mdp.target(state, rest(path[i], i, steps)) for i in range(steps + 1)])
        expected = np.broadcast_to(mdp.target(state, a), targets.shape)
        assert_close(targets, expected, "recursion", what="multi-step target at every flow step")
        assert_at_most(targets.std(axis=0), 1e-10, what="standard deviation over flow steps")


@settings(max_examples=examples(6))
@given(seed=st.integers(0, 2**31))
@check("REV-4", "along reverse_euler the policy misses the data action, and the target its value, by O(1/steps)")
def test_explicit_reversal_misses_by_first_order(backend: Backend, seed: int) -> None:
    mdp = FlowMDP(seed, states=1, action=3, discount=0.0)
    weights = on(backend, mdp.fields[0].weights, "float64")
    a = np.random.default_rng([seed, 4]).uniform(-1.0, 1.0, (8, 3))
    steps, errors = [10, 20, 40, 80], []
    for count in steps:
        again = backend.numpy(fast(backend, there_and_back, count)(weights, backend.array(a)))
        errors.append(float(np.sqrt(np.mean((mdp.target(0, again) - mdp.target(0, a)) ** 2))))
    assert_order(steps, errors, 1, what="target error along reverse_euler")
    assert_at_most(1e-5, errors[0], what="reversal at ten steps is not exact")


def offset_kept(std: float, steps: int) -> float:
    """What reversal and flow keep of an action's offset from the mean: Π_{i<T} (1 + h J(i h)) (1 - h J((i+1) h))."""

    def slope(t: float) -> float:
        return (t * std**2 - (1.0 - t)) / ((1.0 - t) ** 2 + (t * std) ** 2)

    return float(
        np.prod([(1.0 + slope(i / steps) / steps) * (1.0 - slope((i + 1) / steps) / steps) for i in range(steps)])
    )


@pytest.mark.parametrize(("std", "factor"), [(0.5, 0.7422946107329736), (0.1, 0.380992218861978)])
@check("REV-4", "in ten steps 0.742 of an action's offset is kept at s = 0.5, and 0.381 at s = 0.1")
def test_published_factors(std: float, factor: float) -> None:
    # The same product once in plain Python, in decimals of its own.
    assert_at_most(abs(offset_kept(std, 10) - factor), 1e-13, what="factor")


@settings(max_examples=examples(40))
@given(
    mean=st.floats(-1.0, 1.0),
    offset=st.floats(-2.0, 2.0),
    std=st.one_of(st.sampled_from([0.1, 0.5]), st.floats(0.1, 2.0)),
    steps=st.sampled_from([2, 10]),
)
@check("REV-4", "reversal and flow pull an action to the mean of Gaussian data by a known factor, below one for s < 1")
def test_explicit_reversal_on_gaussian_data(
    backend: Backend, mean: float, offset: float, std: float, steps: int
) -> None:
    law = GaussianFlow(np.array([mean]), np.array([std]))
    a = backend.array([[mean + offset]])
    again = backend.numpy(fast(backend, gaussian_there_and_back, steps)(*parameters(backend, law), a))
    factor = offset_kept(std, steps)
    assert_close(again, np.array([[mean + factor * offset]]), "recursion", what="action after there and back")
    if std < 1.0:
        assert_at_most(abs(factor), 1.0, what="factor for data narrower than the noise")
