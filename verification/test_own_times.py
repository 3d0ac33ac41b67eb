"""Samples of one batch at different times: FM-1."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS, kernel, normals
from veloq.verification.profiles import examples


@given(seed=SEEDS, shape=st.sampled_from([(3, 2), (2, 3, 2)]))
@settings(max_examples=examples(40))
@check("FM-1", "each sample at its own time: t v leads from the noise to the point, (1-t) v from the point to the data")
def test_every_sample_has_its_own_time(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    x0, x1 = normals(backend, seed, *shape), normals(backend, seed + 1, *shape)
    t = np.random.default_rng(seed + 2).uniform(0.0, 1.0, (*shape[:-1], 1))
    x_t, v = (backend.numpy(part) for part in kernel(backend, "linear_path")(x0, x1, backend.array(t)))
    assert_close(x_t - t * v, backend.numpy(x0), "reduction", "noise behind the point")
    assert_close(x_t + (1.0 - t) * v, backend.numpy(x1), "reduction", "data ahead of the point")
