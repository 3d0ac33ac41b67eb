"""How many fixed-point iterations `invert_euler` makes: REV-2."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS, fast, normals
from veloq.verification.profiles import examples


def linear_inverse(backend: Backend, iterations: int, slope: Any, centre: Any, x1: Any) -> Any:
    """Inverse of one Euler step of slope (x - centre)."""
    return backend.K.invert_euler(lambda x, t: slope * (x - centre), x1, 1, iterations)


@given(seed=SEEDS, iterations=st.sampled_from([1, 4]), slope=st.floats(0.2, 3.0), sign=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=examples(40))
@check("REV-2", "v = L (x - c), one step: after n iterations x - c is Σ_{k≤n} (-L)^k of x1 - c, the residual |L|^{n+1}")
def test_iterations_are_counted(backend: Backend, seed: int, iterations: int, slope: float, sign: float) -> None:
    centre, x1 = normals(backend, seed, 3), normals(backend, seed + 1, 2, 3)
    number = sign * slope
    found, residual = fast(backend, linear_inverse, iterations)(backend.array(number), centre, x1)
    away = backend.numpy(x1) - backend.numpy(centre)
    share = sum((-number) ** k for k in range(iterations + 1))
    assert_close(backend.numpy(found), backend.numpy(centre) + share * away, "recursion", "state found")
    left = slope ** (iterations + 1) * np.linalg.norm(away, axis=-1)
    assert_close(backend.numpy(residual), left, "recursion", "residual")
