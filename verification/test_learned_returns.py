"""EVOR and EVOR-Bellman trained by their own engines on a chain whose returns are known: what law each learns."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from veloq.core.algorithm import Dimensions
from veloq.core.engine import Transitions
from veloq.core.networks import Tree
from veloq.verification.assertions import assert_at_most
from veloq.verification.backends import Backend
from veloq.verification.by_hand.evor import return_of, s_at
from veloq.verification.check import check
from veloq.verification.finite_mdps import FiniteMDP
from veloq.verification.method_cases import methods

STATES, DISCOUNT, UPDATES = 4, 0.8, 400
# 0, 1, 2 follow each other to the end of the episode; a coin sends 3 to 1 or to 2. Actions change nothing.
CHAIN = FiniteMDP(
    transition=np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]),
    reward=np.array([0.5, -1.0, 2.0, 0.0]),
    discount=DISCOUNT,
)
STARTS = np.random.default_rng(1).standard_normal(500)
STARTS = (STARTS - STARTS.mean()) / STARTS.std()
# Of six seeds after 300 updates and six after 500, in torch, the worst: mean 0.08, deviation of the printed target's
# law 0.06 and of the exact one's 0.19 (0.12 at the coin), slope of the printed one's field 0.22. The statements are
# that these laws differ by a deviation of 1.
MEAN, SPREAD, FLAT = 0.15, 0.25, 0.35


def transitions() -> Transitions:
    """Every state a thousand times, in random order."""
    rng = np.random.default_rng(0)
    state = rng.permutation(np.repeat(np.arange(STATES), 1000))
    ends = CHAIN.transition.sum(axis=1)[state] == 0.0
    # The coin falls equally often on both sides; what follows the end does not count.
    law = np.where(ends[:, None], 1.0 / STATES, CHAIN.transition[state])
    successor = (rng.random((len(state), 1)) < np.cumsum(law, axis=1)).argmax(axis=1)
    seen = np.eye(STATES, dtype=np.float32)
    return Transitions(
        observations=seen[state],
        actions=rng.uniform(-1.0, 1.0, (len(state), 1)).astype(np.float32),
        next_observations=seen[successor],
        rewards=CHAIN.reward[state].astype(np.float32),
        masks=1.0 - ends.astype(np.float32),
        terminals=np.ones(len(state), np.float32),
    )


@cache
def trained(backend: Backend, name: str) -> Tree:
    """The averaged value's parameters after a few hundred updates."""
    method = methods(backend)[name]
    config = method.config(
        hidden=(32, 32), batch_size=128, learning_rate=3e-3, target_rate=0.05, flow_steps=10, discount=DISCOUNT
    )
    build: Any = backend.engine.Engine
    engine = build(method, config, Dimensions(STATES, 1), transitions(), (0,), device=backend.device)
    flat = engine.export(engine.run(engine.initial(), UPDATES)[0])
    return {key.split("/")[-1]: np.float64(value[0]) for key, value in flat.items() if key.startswith("target/value/")}


def learned(backend: Backend, name: str) -> np.ndarray:
    """Returns that the trained flow makes of the same starts, (states, starts)."""
    tree, action = trained(backend, name), np.zeros(1)
    return np.stack([return_of(tree, seen, action, STARTS, 10) for seen in np.eye(STATES)])


def bend(backend: Backend, name: str) -> np.ndarray:
    """By state, how far the trained field strays from Q where the path of Q + noise passes."""
    tree, action, passed = trained(backend, name), np.zeros(1), np.linspace(-1.5, 1.5, 7)
    return np.array(
        [
            max(np.abs(s_at(tree, seen, action, t * q + passed, t) - q).max() for t in np.linspace(0.0, 0.9, 4))
            for seen, q in zip(np.eye(STATES), CHAIN.q, strict=True)
        ]
    )


@pytest.mark.parametrize("name", ["evor", "evor-bellman"])
@check("DIST-3", "trained on a chain, the mean return that EVOR and EVOR-Bellman learn is SARSA's Q in every state")
def test_mean_return_is_q(framework: Backend, name: str) -> None:
    assert_at_most(np.abs(learned(framework, name).mean(axis=1) - CHAIN.q), MEAN, f"{name}: mean return against Q")


@check("DIST-3", "trained by the printed target EVOR's field is flat in (z, t), and its returns spread by 1 everywhere")
def test_printed_target_learns_no_law(framework: Backend) -> None:
    """Where the returns are certain and at the coin alike; the exact target's field is far from flat."""
    assert_at_most(bend(framework, "evor"), FLAT, "field of the printed target against Q")
    assert_at_most(np.abs(learned(framework, "evor").std(axis=1) - 1.0), SPREAD, "deviation of the learned law from 1")
    assert_at_most(1.0, bend(framework, "evor-bellman"), "field of the exact target against Q, at least")


@check(
    "DIST-3", "trained by the exact target EVOR-Bellman's returns spread as the true ones: not, and by 0.56 at the coin"
)
def test_exact_target_learns_the_law(framework: Backend) -> None:
    q = CHAIN.q
    true = np.array([0.0, 0.0, 0.0, DISCOUNT * abs(q[1] - q[2]) / 2.0])
    returns = learned(framework, "evor-bellman")
    assert_at_most(np.abs(returns.std(axis=1) - true), SPREAD, "deviation of the learned law from the true one")
    # At the coin the returns lie at the two true ones, half of them at each, and few between.
    low, high = DISCOUNT * q[1], DISCOUNT * q[2]
    assert_at_most(abs(np.mean(returns[3] > (low + high) / 2.0) - 0.5), 0.15, "share of the larger return")
