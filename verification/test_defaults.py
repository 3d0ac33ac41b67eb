"""What the arguments that may be left out stand for: the numbers of the papers and of their released code."""

import numpy as np
import pytest

from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.check import check

LAST_LEVEL = 0.006409333446256383  # exp(-0.1 - (10 - 0.1)/2)


@check("VP-1", "a schedule without ends has b_min = 0.1 and b_max = 10")
def test_schedule_ends(backend: Backend) -> None:
    # Without an array the dtype is the framework's default.
    beta, _, bars = (backend.numpy(part) for part in backend.K.vp_schedule(5))
    assert_close(bars[-1], np.array(LAST_LEVEL), "reduction", what="last level", dtype=str(bars.dtype))
    # exponent 0.1/5 + 9.9/50
    first = np.array(1.0 - np.exp(-0.218))
    assert_close(beta[0], first, "reduction", what="first beta", dtype=str(beta.dtype))


# Without predicted noise a single step divides by √ᾱ_1 = √LAST_LEVEL.
@pytest.mark.parametrize("name", ["dac_sample", "qsm_sample", "ddpm_sample", "ddim_sample"])
@check("VP-1", "a sampler without ends has b_min = 0.1 and b_max = 10: its last level and what its noise is scaled by")
def test_sampler_ends(backend: Backend, name: str) -> None:
    x = 0.01 * np.random.default_rng(1).standard_normal((3, 2))
    sampler, at = getattr(backend.K, name), backend.array(x)
    last = 1 if name == "ddim_sample" else backend.array(np.zeros((0, 3, 2)))
    sample = backend.numpy(sampler(lambda x, i: 0.0 * x, at, last))
    assert_close(sample, x / np.sqrt(LAST_LEVEL), "sampler", what=name)
    two = 2 if name == "ddim_sample" else backend.array(0.1 * np.ones((1, 3, 2)))
    actual, expected = (backend.numpy(sampler(lambda x, i: 0.0 * x, at, two, *ends)) for ends in ((), (0.1, 10.0)))
    assert_exact(actual, expected, what=f"{name} with the ends written out")


@check("VAL-1", "advantage weights are capped at 100 unless told otherwise")
def test_advantage_cap(backend: Backend) -> None:
    advantage = np.array([0.0, 4.6, 4.7, 50.0])
    weight = backend.numpy(backend.K.advantage_weight(backend.array(advantage), 1.0))
    assert_close(weight, np.array([1.0, np.exp(4.6), 100.0, 100.0]), "exponential", what="weight")


@check("GUID-1", "Linex turns linear at an exponent of 5 unless told otherwise")
def test_linex_cap(backend: Backend) -> None:
    q, exponent = backend.array(np.zeros(3)), np.array([4.99, 5.01, 9.0])
    loss = backend.numpy(backend.K.linex_loss(q, backend.array(exponent / 2.0), 2.0))
    assert_close(loss, np.array([np.exp(4.99), 5.01, 9.0]), "exponential", what="loss")


@check("LSE-2", "the soft value is over the first axis unless told otherwise")
def test_soft_value_axis(backend: Backend) -> None:
    returns = backend.array(np.random.default_rng(2).standard_normal((3, 3)))
    left_out = backend.numpy(backend.K.logsumexp_q(returns, 0.7))
    assert_exact(left_out, backend.numpy(backend.K.logsumexp_q(returns, 0.7, 0)), what="axis 0")


@check("MF-7", "flow times are sigmoid(-0.4 + noise) unless told otherwise")
def test_flow_times(backend: Backend) -> None:
    normals = np.random.default_rng(3).standard_normal((5, 1))
    times = backend.numpy(backend.K.logit_normal(backend.array(normals)))
    assert_close(times, 1.0 / (1.0 + np.exp(0.4 - normals)), "exponential", what="times")
