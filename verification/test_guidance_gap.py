"""What QAM claims against guidance: with the critic's slope at the noisy action the tilt is missed, and by how much."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtri

from veloq.verification.assertions import assert_at_most, assert_close
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.mixtures import Mixture
from veloq.verification.profiles import examples
from veloq.verification.tilted_mixtures import EDGES, TiltedMixture

Values = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from([(1, 1), (4, 3), (2, 3, 2)])
INV_TEMPS = st.floats(0.1, 5.0)
STEPS, SAMPLES = 40, 2000
SWEEP = (0.01, 0.1, 1.0)  # the weights that QAM's authors try for CGQL


@settings(max_examples=examples(60))
@given(seed=SEEDS, shape=SHAPES, inv_temp=INV_TEMPS)
@check("GUID-1", "CGQL, Gaussian p, linear Q: it exceeds the tilt's velocity by x/t + (1-t)/t τ c (1 - t s²/c(t))")
def test_gap_of_guidance(backend: Backend, seed: int, shape: tuple[int, ...], inv_temp: float) -> None:
    rng = np.random.default_rng(seed)
    law = GaussianFlow(rng.uniform(-1.0, 1.0, shape[-1]), rng.uniform(0.3, 2.0, shape[-1]))
    slope = rng.standard_normal(shape[-1])
    x, t = rng.standard_normal(shape), rng.uniform(0.1, 1.0, (*shape[:-1], 1))
    grad = np.broadcast_to(slope, shape)
    arrays = (backend.array(value) for value in (law.velocity(np)(x, t), grad, x, t))
    v = backend.numpy(backend.K.guided_velocity(*arrays, inv_temp, 1.0))
    gap = x / t + (1.0 - t) / t * inv_temp * slope * (1.0 - t * law.std**2 / law.variance(t))
    assert_close(v - law.tilted(inv_temp * slope).velocity(np)(x, t), gap, "quotient", what="gap of the velocity")


def predicted_noise(law: Mixture, x: Values, alpha_bar: float) -> Values:
    """E[noise | x] for data of this law at a level of the variance-preserving diffusion: -√(1-ᾱ) times the score."""
    variance = alpha_bar * law.stds**2 + 1.0 - alpha_bar
    offset = x - np.sqrt(alpha_bar) * law.means
    logits = np.log(law.weights) - offset**2 / (2.0 * variance) - 0.5 * np.log(variance)
    posterior = np.exp(logits - logits.max(axis=-1, keepdims=True))
    posterior /= posterior.sum(axis=-1, keepdims=True)
    noise: Values = np.sqrt(1.0 - alpha_bar) * np.sum(posterior * offset / variance, axis=-1, keepdims=True)
    return noise


def both_targets(backend: Backend, problem: TiltedMixture, x: Values, alpha_bar: float) -> list[Values]:
    """What a network learns from `dac_target` and from `qsm_target` at noisy actions x: their means given x."""
    K, grad = backend.K, backend.array(problem.gradient(x))
    noise = backend.array(predicted_noise(problem.law, x, alpha_bar))
    level = backend.array(np.full_like(x, alpha_bar))
    # dac_target is affine in the noise, so that its mean is its value at the noise's mean. Its τ is 1/(2 eta).
    dac = K.dac_target(noise, grad, level, 1.0 / (2.0 * problem.inv_temp))
    return [np.asarray(backend.numpy(target)) for target in (dac, K.qsm_target(grad, problem.inv_temp))]


@settings(max_examples=examples(60))
@given(seed=SEEDS, alpha_bar=st.floats(0.05, 0.99), inv_temp=INV_TEMPS)
@check("GUID-1", "DAC and QSM, Gaussian p, linear Q: both miss the tilt's predicted noise, each by its closed form")
def test_gap_of_noise_predictions(backend: Backend, seed: int, alpha_bar: float, inv_temp: float) -> None:
    rng = np.random.default_rng(seed)
    mean, std, slope = rng.uniform(-1.0, 1.0), rng.uniform(0.3, 2.0), rng.uniform(-2.0, 2.0)
    problem = TiltedMixture(Mixture(np.ones(1), np.array([mean]), np.array([std])), slope, 0.0, inv_temp)
    x = rng.standard_normal((5, 1))
    exact = predicted_noise(problem.tilted(), x, alpha_bar)
    variance, spread = alpha_bar * std**2 + 1.0 - alpha_bar, np.sqrt(1.0 - alpha_bar)
    # The tilt moves the mean by τ slope s², the score at a level by τ slope times this: 1 where there is no noise.
    kept = np.sqrt(alpha_bar) * std**2 / variance
    dac, qsm = both_targets(backend, problem, x, alpha_bar)
    assert_close(dac - exact, np.full_like(x, -spread * inv_temp * slope * (1.0 - kept)), "quotient", what="DAC")
    behaviour = spread * (x - np.sqrt(alpha_bar) * mean) / variance
    assert_close(qsm - exact, -inv_temp * slope * (1.0 - spread * kept) - behaviour, "quotient", what="QSM")


def relative_gaps(backend: Backend, problem: TiltedMixture, alpha_bar: float) -> list[float]:
    """Root mean square errors of both targets under the tilt's noisy law, over that of the tilt's own noise."""
    tilt = problem.tilted()
    stds = np.sqrt(alpha_bar * tilt.stds**2 + 1.0 - alpha_bar)
    middle = np.sqrt(alpha_bar) * tilt.means
    x = np.linspace((middle - 6.0 * stds).min(), (middle + 6.0 * stds).max(), 400)[:, None]
    weight = np.sum(tilt.weights * np.exp(-((x - middle) ** 2) / (2.0 * stds**2)) / stds, axis=-1, keepdims=True)
    exact = predicted_noise(tilt, x, alpha_bar)
    size, targets = np.sum(weight * exact**2), both_targets(backend, problem, x, alpha_bar)
    return [float(np.sqrt(np.sum(weight * (target - exact) ** 2) / size)) for target in targets]


# In units of the root mean square of the target, over 80 problems: DAC 1.7 to 2.7, QSM 3.0 to 5.0.
@settings(max_examples=examples(40))
@given(seed=SEEDS)
@check("GUID-1", "mixture p, quadratic Q: DAC is exact without noise; at ᾱ = 1/2 it and QSM are off by half and more")
def test_gap_on_mixtures(backend: Backend, seed: int) -> None:
    problem = TiltedMixture.random(seed, 0.3)
    clean = relative_gaps(backend, problem, 1.0 - 1e-8)
    # √(1-ᾱ) = 1e-4 of noise moves the argument of the score by as much, and the mean over it by its square.
    assert_at_most(clean[0], 1e-6, what="gap of DAC with hardly any noise")
    for name, gap in zip(("DAC", "QSM"), relative_gaps(backend, problem, 0.5), strict=True):
        assert_at_most(0.5, gap, what=f"gap of {name} at half noise")


# Over 20 problems the closest of the three weights ends at 0.28 to 0.5, median 0.38; the trained flow of ADJ-9 at 0.04.
@settings(max_examples=examples(4))
@given(seed=SEEDS)
@check("GUID-1", "with any weight of the authors' sweep the guided flow ends over 0.2 in total variation from the tilt")
def test_guided_flow_misses_the_tilt(backend: Backend, seed: int) -> None:
    problem, K, xp = TiltedMixture.random(seed, 0.3), backend.K, backend.xp
    base = problem.law.velocity(backend.array, xp)
    start = ndtri((np.arange(SAMPLES) + 0.5) / SAMPLES)[:, None]

    def flow(x: Array, weight: Array) -> Array:
        def field(at: Array, t: Array) -> Array:
            grad = xp.where(xp.abs(at) <= 1.0, problem.gradient(at), 0.0 * at)
            return K.guided_velocity(base(at, t), grad, at, t + 0.0 * at, problem.inv_temp, weight)

        return K.euler(field, x, STEPS)

    run = backend.compiled(flow)
    for weight in SWEEP:
        ends = backend.numpy(run(backend.array(start), backend.array(weight)))
        distance = problem.distance(np.histogram(ends, EDGES)[0] / SAMPLES)
        assert_at_most(0.2, distance, what=f"distance at weight {weight}")
