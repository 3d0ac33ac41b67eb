"""The box of actions [-1, 1] is where the clip of QAM's terminal condition lets the gradient through: ADJ-1."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS, fast
from veloq.verification.profiles import examples

# Members, batch, action: a single member, a single sample, and several of both.
SHAPES = st.sampled_from([(1, (), 1), (3, (2, 2), 3)])


def terminal(backend: Backend, weights: Any, x: Any, inv_temp: Any) -> Any:
    """The terminal condition of the critics Q_k(a) = (w_k·a)² + w_k·a, whose gradient every coordinate enters."""

    def critic(a: Any) -> Any:
        along = backend.xp.stack([backend.xp.sum(w * a, axis=-1) for w in weights], axis=0)
        return along * along + along

    return backend.K.adjoint_terminal(critic, x, inv_temp)


@given(seed=SEEDS, shape=SHAPES, inv_temp=st.floats(0.1, 10.0))
@settings(max_examples=examples(60))
@check("ADJ-1", "any critic: -tau mean_k ∇Q_k at the clipped action, exactly 0 outside [-1, 1], the ends inside")
def test_terminal_condition(backend: Backend, seed: int, shape: Any, inv_temp: float) -> None:
    members, batch, action = shape
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((members, action))
    # Each coordinate is inside, outside or exactly at an end, whatever the others of its action are.
    x = rng.uniform(-1.0, 1.0, (*batch, action))
    x = np.where(rng.random(x.shape) < 0.3, rng.choice([-1.7, -1.0, 1.0, 1.3], x.shape), x)
    clipped = np.clip(x, -1.0, 1.0)
    slope = np.zeros(x.shape)
    for w in weights:
        slope += (2.0 * (clipped @ w)[..., None] + 1.0) * w / members
    arrays = tuple(backend.array(value) for value in (weights, x, inv_temp))
    got = backend.numpy(fast(backend, terminal)(*arrays))
    inside = np.abs(x) <= 1.0
    assert_close(got, np.where(inside, -inv_temp * slope, 0.0), "derivative", "terminal condition")
    assert_exact(got[~inside], np.zeros(np.count_nonzero(~inside)), "gradient outside the box")
