"""A share of rows whose product with their number rounds below the whole number that was meant: MF-7."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS
from veloq.verification.profiles import examples

# 0.29 · 100 = 28.999999999999996, and all the others of 49 and of 100 rows.
BELOW = [(rows, meant) for rows in (49, 100) for meant in range(rows + 1) if (meant / rows) * rows < meant]


@given(case=st.sampled_from(BELOW), seed=SEEDS, as_array=st.booleans())
@settings(max_examples=examples(20))
@check("MF-7", "29 hundredths of 100 rows are 29 rows, although 0.29 · 100 < 29; and so where else the product rounds")
def test_rounding_loses_no_row(backend: Backend, case: tuple[int, int], seed: int, as_array: bool) -> None:
    rows, meant = case
    a, b = (backend.array(each) for each in np.random.default_rng(seed).uniform(size=(2, rows, 1)))
    same = meant / rows
    t, r = (backend.numpy(time) for time in backend.K.meanflow_times(a, b, backend.array(same) if as_array else same))
    assert_exact(np.flatnonzero(r == t), np.arange(meant), "rows where r = t")
