"""Heun's lean adjoint step by step, for random networks: ADJ-3."""

import functools
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import SEEDS, fast, normals
from veloq.verification.profiles import examples

# Three actions in the first: a Jacobian of one action is its own transpose.
SHAPES = st.sampled_from([(3, (2,), 3), (1, (), 1)])


def adjoint(backend: Backend, weights: Any, xs: Any, terminal: Any) -> Any:
    """Heun's lean adjoint of a network."""
    return backend.K.lean_adjoint_heun(lambda x, t: velocity(backend.xp, weights, x, t), xs, terminal)


def paired(backend: Backend, weights: Any, t: Any, g: Any, x: Any) -> Any:
    """2 g·v(x, t), whose gradient in x is Heun's slope."""
    return 2 * backend.xp.sum(g * velocity(backend.xp, weights, x, t))


@given(shape=SHAPES, seed=SEEDS)
@settings(max_examples=examples(20))
@check("ADJ-3", "Heun's g = t ĝ: ĝ moves by h/2 of autodiff's 2 (∂base/∂x)ᵀ ĝ at (xs[i+1], t_{i+1}) and (xs[i], t_i)")
def test_each_step_is_heuns(backend: Backend, shape: Any, seed: int) -> None:
    T, batch, action = shape
    h, weights = 1.0 / T, on(backend, MLPField(seed, action).weights, "float64")
    xs, terminal = normals(backend, seed, T + 1, *batch, action), normals(backend, seed + 1, *batch, action)
    gs = backend.numpy(fast(backend, adjoint)(weights, xs, terminal))

    def slope(i: int, g: Any) -> Any:
        value = functools.partial(fast(backend, paired), weights, backend.array(i * h), backend.array(g))
        return backend.grad(value, xs[i, ...])[0]

    assert_exact(gs[T], backend.numpy(terminal), "gs[T]")
    assert_exact(gs[0], np.zeros(gs[0].shape), "adjoint at t = 0")
    for i in range(1, T):
        ghat = gs[i + 1] / ((i + 1) * h)
        later = slope(i + 1, ghat)
        earlier = slope(i, ghat + h * later)
        assert_close(gs[i], i * h * (ghat + h / 2 * (later + earlier)), "recursion", "one step")
