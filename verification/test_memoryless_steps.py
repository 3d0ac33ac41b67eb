"""The memoryless SDE step by step, for any fields, and the symmetries of its noise scale: ADJ-7."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import SEEDS, fast, kernel, memoryless_variance, normals
from veloq.verification.profiles import examples

SHAPES = st.sampled_from([(1, (), 1), (4, (2, 2), 3)])


@given(seed=SEEDS, steps=st.sampled_from([1, 10, 1000]))
@settings(max_examples=examples(60))
@check("ADJ-7", "σ(t)² (t+h) = 2 (1-t+h), so that σ(t) σ(1-t) = 2, and h σ(0)² = 2 + 2h: no step is a pole")
def test_noise_scale(backend: Backend, seed: int, steps: int) -> None:
    h = 1.0 / steps
    t = np.concatenate([[0.0, 1.0], np.random.default_rng(seed).uniform(0.0, 1.0, 6)])
    scale, mirrored = (
        backend.numpy(kernel(backend, "memoryless_sigma")(backend.array(at), backend.array(h))) for at in (t, 1.0 - t)
    )
    assert_close(scale**2 * (t + h), 2.0 * (1.0 - t + h), "reduction", "variance times what divides it")
    assert_close(scale * mirrored, np.full(t.shape, 2.0), "reduction", "scale times its mirror image")
    assert_close(h * scale[0] ** 2, np.array(2.0 + 2.0 * h), "reduction", "variance added by the first step")


def rollout(backend: Backend, weights: Any, last_weights: Any, x0: Any, noises: Any) -> Any:
    """The memoryless SDE of two networks, the second one for the last step."""
    field, last_field = (
        lambda x, t, drawn=drawn: velocity(backend.xp, drawn, x, t) for drawn in (weights, last_weights)
    )
    return backend.K.memoryless_sde(field, last_field, x0, noises)


@given(seed=SEEDS, shape=SHAPES)
@settings(max_examples=examples(30))
@check("ADJ-7", "any networks: each step is h (2 field - x/(t+h)) + √h σ noise, the last one h last_field alone")
def test_every_step(backend: Backend, seed: int, shape: Any) -> None:
    T, batch, action = shape
    h, networks = 1.0 / T, [MLPField(seed + k, action) for k in range(3)]
    field, last_field, other = (on(backend, network.weights, "float64") for network in networks)
    x0, noises = normals(backend, seed, *batch, action), normals(backend, seed + 1, T - 1, *batch, action)
    run = fast(backend, rollout)
    xs = backend.numpy(run(field, last_field, x0, noises))
    assert_exact(xs[0], backend.numpy(x0), "first state")
    for i in range(T - 1):
        t, x = i * h, xs[i]
        drift = 2.0 * velocity(np, networks[0].weights, x, np.full((*batch, 1), t)) - x / (t + h)
        noise = np.sqrt(h * memoryless_variance(t, h)) * backend.numpy(noises)[i]
        assert_close(xs[i + 1], x + h * drift + noise, "recursion", "one step")
    last = velocity(np, networks[1].weights, xs[T - 1], np.full((*batch, 1), 1.0 - h))
    assert_close(xs[T], xs[T - 1] + h * last, "recursion", "last step")
    assert_exact(backend.numpy(run(field, other, x0, noises))[:T], xs[:T], "states before the last step")
