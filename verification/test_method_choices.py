"""Every method beside its restatement at its own hyper-parameters, and at every choice that these offer."""

import pytest

from veloq.algorithms import ALGORITHMS
from veloq.verification.backends import Backend
from veloq.verification.by_hand import BY_HAND
from veloq.verification.check import check
from veloq.verification.method_cases import alternatives, drawn_settings, method_case, methods
from veloq.verification.restatement import assert_restated

DRAWS = 4  # of parameters and, with each choice, of the other hyper-parameters


@pytest.mark.parametrize("name", ALGORITHMS)
@check("METHOD", "each method's own hyper-parameters, and each choice that they offer, agree with a by-hand one")
def test_losses(backend: Backend, name: str) -> None:
    """Losses, metrics, derivatives; among hyper-parameters drawn at random, a weight of 0 or a choice may be rare."""
    if backend.name == "jax":
        pytest.skip("JAX would compile each choice anew: choices are the file's, not the backend's")
    method = methods(backend)[name]
    for chosen in alternatives(method):
        for seed in range(DRAWS):
            others = drawn_settings(method, seed) if chosen else {}
            case = method_case(method, seed, **{**others, **chosen})
            for update, restated in BY_HAND[name].losses.items():
                assert_restated(backend, case, update, restated, seed)
