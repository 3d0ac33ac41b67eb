"""Methods that mask each step of a chunk, where a step has several dimensions: which of them belong to which step."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.core.algorithm import Dimensions
from veloq.verification.backends import Backend
from veloq.verification.by_hand import BY_HAND
from veloq.verification.check import counted, covers
from veloq.verification.method_cases import method_case, methods
from veloq.verification.profiles import examples
from veloq.verification.restatement import assert_restated

MASKED = [
    name
    for name, restated in BY_HAND.items()
    if any("batch.valid_steps" in groups.split() for table in restated.reads.values() for groups in table.values())
]
# Three steps of two dimensions each: neither number is the other, and neither is one.
CHUNK, LONG = 3, Dimensions(observation=3, action=6)


@pytest.mark.parametrize("name", MASKED)
@covers(
    "METHOD", "on chunks of several steps of several dimensions, masks and discounts of each step are the by-hand ones"
)
def test_losses_on_long_chunks(backend: Backend, name: str) -> None:
    """A batch of random validity by step, in float64."""

    @given(seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=examples(3 if backend.name == "jax" else 10))
    @counted
    def agree(seed: int) -> None:
        case = method_case(methods(backend)[name], seed, LONG, chunk=CHUNK)
        for update, restated in BY_HAND[name].losses.items():
            assert_restated(backend, case, update, restated, seed)

    agree()
