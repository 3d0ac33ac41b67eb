"""The variance-preserving diffusion: schedule, steps, and the clip rules of its samplers."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact, assert_order
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from([(1, 1), (4, 3), (2, 3, 2)])
B_MIN, B_MAX = 0.1, 10.0
SAMPLERS = ["dac_sample", "qsm_sample", "ddpm_sample"]


def alpha_bar(i: Array, steps: int, exp: Callable[[Array], Array]) -> Array:
    """ᾱ_i of the default schedule: the exponents (2j-1)/(2T²) sum to i²/(2T²)."""
    return exp(-(B_MIN * i / steps + (B_MAX - B_MIN) * i * i / (2.0 * steps**2)))


def levels(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(beta, alpha_bar) with index i = 0..steps; beta_0 is unused."""
    bars = alpha_bar(np.arange(steps + 1.0), steps, np.exp)
    return np.concatenate([[np.nan], 1.0 - bars[1:] / bars[:-1]]), bars


@settings(max_examples=examples(60))
@given(steps=st.integers(1, 12), b_min=st.floats(0.01, 1.0), b_max=st.floats(2.0, 20.0))
@check("VP-1", "beta, alpha and ᾱ at 30 digits: ᾱ is the running product of alpha = 1 - beta")
def test_schedule(backend: Backend, steps: int, b_min: float, b_max: float) -> None:
    # Numbers given as arrays decide the dtype: plain ones get the framework's default.
    actual = backend.K.vp_schedule(steps, backend.array(b_min), backend.array(b_max))
    expected = np.empty((3, steps))
    with mpmath.workdps(30):
        product = mpmath.mpf(1)
        for i in range(1, steps + 1):
            slope = (mpmath.mpf(b_max) - mpmath.mpf(b_min)) * (2 * i - 1) / (2 * mpmath.mpf(steps) ** 2)
            alpha = mpmath.exp(-mpmath.mpf(b_min) / steps - slope)
            product *= alpha
            expected[:, i - 1] = float(1 - alpha), float(alpha), float(product)
    for name, got, want in zip(("beta", "alpha", "alpha_bar"), actual, expected, strict=True):
        assert_close(backend.numpy(got), want, "reduction", what=name)


@pytest.mark.parametrize("steps", [1, 5, 10])
@check("VP-1", "ᾱ_T = exp(-5.05) = 0.0064 whatever T: DQL's T = 5 and QAM's T = 10 end at the same noise")
def test_last_level(backend: Backend, steps: int) -> None:
    bars = backend.numpy(backend.K.vp_schedule(steps, backend.array(B_MIN), backend.array(B_MAX))[2])
    # b_min + (b_max - b_min)/2 = 5.05; exp(-5.05) by Python's math.exp
    assert_close(bars[-1], np.array(0.006409333446256383), "reduction", what="last level")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("VP-1", "vp_path has variance shares that sum to one, and vp_denoise of the true noise gives the data back")
def test_denoise_inverts_path(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x1, noise = rng.standard_normal(shape), rng.standard_normal(shape)
    bar = rng.uniform(0.05, 0.95, (*shape[:-1], 1))
    K, arrays = backend.K, [backend.array(v) for v in (x1, noise, bar)]
    x = K.vp_path(*arrays)
    assert_close(backend.numpy(K.vp_denoise(arrays[1], x, arrays[2])), x1, "reduction", what="data")
    # Swapping the two shares by ᾱ → 1 - ᾱ swaps data and noise.
    swapped = K.vp_path(arrays[1], arrays[0], backend.array(1.0 - bar))
    assert_close(backend.numpy(swapped), backend.numpy(x), "elementwise", what="data and noise swapped")
    shares = [backend.numpy(K.vp_path(arrays[0] * a, arrays[1] * b, arrays[2])) for a, b in ((1, 0), (0, 1))]
    total = (shares[0] / x1) ** 2 + (shares[1] / noise) ** 2
    assert_close(total, np.ones(shape), "reduction", what="sum of variance shares")
    assert_close((shares[0] / x1) ** 2, np.broadcast_to(bar, shape), "reduction", what="share of the data")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("VP-1", "ddpm_loss is the mean over dimensions of the squared error, with no gradient to the noise")
def test_ddpm_loss(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    prediction, noise = rng.standard_normal(shape), rng.standard_normal(shape)
    K, arrays = backend.K, [backend.array(v) for v in (prediction, noise)]
    loss = backend.numpy(K.ddpm_loss(*arrays))
    assert_close(loss, ((prediction - noise) ** 2).sum(axis=-1) / shape[-1], "reduction", what="loss")
    slope, routed = backend.grad(lambda *at: backend.xp.sum(K.ddpm_loss(*at)), *arrays)
    assert_close(slope, 2.0 * (prediction - noise) / shape[-1], "derivative", what="gradient")
    assert_exact(routed, np.zeros(shape), what="gradient to the noise")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("VP-1", "step mean and variance are those of x_{i-1} given x_i and x_0, by linear-Gaussian conditioning")
def test_posterior(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x1, x = rng.standard_normal(shape), rng.standard_normal(shape)
    column = (*shape[:-1], 1)
    bar_next, beta = rng.uniform(0.05, 0.95, column), rng.uniform(0.05, 0.9, column)
    bar = bar_next * (1.0 - beta)
    # Joint law of (x_{i-1}, x_i) given x_0; condition the first on the second.
    mean, mean_x = np.sqrt(bar_next) * x1, np.sqrt(bar) * x1
    variance, covariance, variance_x = 1.0 - bar_next, np.sqrt(1.0 - beta) * (1.0 - bar_next), 1.0 - bar
    expected = mean + covariance / variance_x * (x - mean_x)
    spread = np.sqrt(variance - covariance**2 / variance_x)
    K, arrays = backend.K, [backend.array(v) for v in (x1, x)]
    schedule = [backend.array(v) for v in (beta, bar, bar_next)]
    unit = backend.array(np.ones(shape))
    assert_close(backend.numpy(K.ddpm_mean(*arrays, *schedule)), expected, "reduction", what="mean")
    exact = backend.numpy(K.ddpm_posterior_step(*arrays, unit, *schedule))
    # The variance by subtraction loses up to two digits.
    assert_close(exact, expected + spread, "exponential", what="exact conditional variance")
    wide = backend.numpy(K.ddpm_step(*arrays, unit, *schedule))
    assert_close(wide, expected + np.sqrt(beta), "reduction", what="variance beta")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("VP-1", "a DDIM step moves a point of the path to the same data and noise at another level")
def test_ddim_step(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x1, noise = (backend.array(rng.standard_normal(shape)) for _ in range(2))
    bar, bar_next = (backend.array(rng.uniform(0.05, 0.95, (*shape[:-1], 1))) for _ in range(2))
    K = backend.K
    moved = backend.numpy(K.ddim_step(x1, K.vp_path(x1, noise, bar), bar, bar_next))
    assert_close(moved, backend.numpy(K.vp_path(x1, noise, bar_next)), "reduction", what="point at the next level")


def gaussian_noise(backend: Backend, mean: float, std: float, steps: int) -> Callable[[Array, Array], Array]:
    """The exact noise prediction E[noise | x_i] for data N(mean, std²)."""
    xp = backend.xp

    def field(x: Array, i: Array) -> Array:
        bar = alpha_bar(i, steps, xp.exp)
        return xp.sqrt(1.0 - bar) * (x - xp.sqrt(bar) * mean) / (bar * std**2 + 1.0 - bar)

    return field


@settings(max_examples=examples(8))
@given(seed=SEEDS, steps=st.sampled_from([1, 5, 10]), inside=st.booleans())
@check("VP-1", "every sampler reaches a point mass exactly: DDIM anywhere, the others clip it to [-1, 1]")
def test_point_mass(backend: Backend, seed: int, steps: int, inside: bool) -> None:
    rng = np.random.default_rng(seed)
    point = float(rng.uniform(-0.9, 0.9) if inside else rng.choice([-1.7, 1.7]))
    field = gaussian_noise(backend, point, 0.0, steps)
    x, noises = backend.array(rng.standard_normal((4, 2))), rng.standard_normal((steps - 1, 4, 2))
    sample = backend.numpy(backend.K.ddim_sample(field, x, steps, B_MIN, B_MAX))
    assert_close(sample, np.full((4, 2), point), "sampler", what="ddim_sample")
    for name in SAMPLERS:
        sample = backend.numpy(getattr(backend.K, name)(field, x, backend.array(noises), B_MIN, B_MAX))
        assert_close(sample, np.full((4, 2), np.clip(point, -1.0, 1.0)), "sampler", what=name)


@settings(max_examples=examples(4))
@given(seed=SEEDS, std=st.floats(0.3, 0.8))
@check("VP-1", "DDIM with the exact prediction tends with order 1 to the probability-flow map of Gaussian data")
def test_ddim_order(backend: Backend, seed: int, std: float) -> None:
    rng = np.random.default_rng(seed)
    mean, x = float(rng.uniform(-1.0, 1.0)), rng.standard_normal((6, 1))
    last = np.exp(-5.05)
    exact = mean + std * (x - np.sqrt(last) * mean) / np.sqrt(last * std**2 + 1.0 - last)
    counts, errors = [40, 80, 160, 320], []
    for steps in counts:
        field = gaussian_noise(backend, mean, std, steps)
        sample = backend.numpy(backend.K.ddim_sample(field, backend.array(x), steps, B_MIN, B_MAX))
        errors.append(float(np.sqrt(np.mean((sample - exact) ** 2))))
    assert_order(counts, errors, 1, what="ddim_sample on Gaussian data")


def walk(
    name: str, field: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, noises: np.ndarray
) -> np.ndarray:
    """The three released samplers, from cards 2.8 and Ho et al. eq. 7, step by step."""
    steps = len(noises) + 1
    beta, bar = levels(steps)
    for k, i in enumerate(range(steps, 0, -1)):
        epsilon = field(x, np.full((*x.shape[:-1], 1), float(i)))
        denoised = (x - np.sqrt(1.0 - bar[i]) * epsilon) / np.sqrt(bar[i])
        if name == "qsm_sample":
            mean = denoised
        else:
            denoised = np.clip(denoised, -1.0, 1.0)
            kept = np.sqrt(1.0 - beta[i]) * (1.0 - bar[i - 1]) * x
            mean = (np.sqrt(bar[i - 1]) * beta[i] * denoised + kept) / (1.0 - bar[i])
        variance = beta[i] * ((1.0 - bar[i - 1]) / (1.0 - bar[i]) if name == "ddpm_sample" else 1.0)
        x = mean + (np.sqrt(variance) * noises[k] if i > 1 else 0.0)
        if name == "qsm_sample":
            x = np.clip(x, -1.0, 1.0)
    return x


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=examples(10))
@given(seed=SEEDS, steps=st.sampled_from([5, 3, 1]), std=st.floats(0.3, 1.0), scale=st.floats(0.1, 2.0))
@check("VP-1", "the samplers' clip rules, step by step: DAC and DQL clip the estimate, QSM the state; output in bounds")
def test_clip_rules(backend: Backend, name: str, seed: int, steps: int, std: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    mean = float(rng.uniform(-1.2, 1.2))
    x, noises = rng.standard_normal((4, 3)), scale * rng.standard_normal((steps - 1, 4, 3))
    field = gaussian_noise(backend, mean, std, steps)
    sample = backend.numpy(getattr(backend.K, name)(field, backend.array(x), backend.array(noises), B_MIN, B_MAX))

    def plain(at: np.ndarray, i: np.ndarray) -> np.ndarray:
        bar = alpha_bar(i, steps, np.exp)
        noise: np.ndarray = np.sqrt(1.0 - bar) * (at - np.sqrt(bar) * mean) / (bar * std**2 + 1.0 - bar)
        return noise

    assert_close(sample, walk(name, plain, x, noises), "sampler", what=name)
    # At i = 1 the mean is the clipped estimate times beta_1/(1-ᾱ_1), one but for a rounding of 1e-16/beta_1; only
    # QSM clips last.
    room = 0.0 if name == "qsm_sample" else 4e-15
    assert_at_most(np.abs(sample), 1.0 + room, what=f"{name} within bounds")


# At T = 2 and no predicted noise the last estimate is x_1/√ᾱ_1, so that the output moves by scale/√ᾱ_1 per unit
# of the one noise drawn: √β_2 as DAC and QSM take it, √(β_2 (1-ᾱ_1)/(1-ᾱ_2)) as DQL does.
@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=examples(8))
@given(noise=st.floats(-0.1, 0.1), x=st.floats(-0.01, 0.01))
@check("VP-1", "the noise of a step is √β for DAC and QSM and the exact conditional spread for DQL; none at i = 1")
def test_noise_scale(backend: Backend, name: str, noise: float, x: float) -> None:
    beta, bar = levels(2)
    narrow = (1.0 - bar[1]) / (1.0 - bar[2]) if name == "ddpm_sample" else 1.0
    sampler = getattr(backend.K, name)
    outputs = [
        backend.numpy(sampler(lambda at, i: 0.0 * at, backend.array([[x]]), backend.array([[[n]]]), B_MIN, B_MAX))
        for n in (noise, 0.0)
    ]
    expected = np.array([[np.sqrt(beta[2] * narrow / bar[1]) * noise]])
    assert_close(outputs[0] - outputs[1], expected, "sampler", what=f"noise scale of {name}")


@settings(max_examples=examples(8))
@given(seed=SEEDS)
@check("VP-1", "with one step DAC's sample is the clipped data estimate and QSM's is the same")
def test_single_step(backend: Backend, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, epsilon = rng.standard_normal((5, 2)), rng.standard_normal((5, 2))
    held = backend.array(epsilon)
    bar = np.exp(-5.05)
    expected = np.clip((x - np.sqrt(1.0 - bar) * epsilon) / np.sqrt(bar), -1.0, 1.0)
    none = backend.array(np.zeros((0, 5, 2)))
    for name in SAMPLERS:
        sample = getattr(backend.K, name)(lambda at, i: held, backend.array(x), none, B_MIN, B_MAX)
        assert_close(backend.numpy(sample), expected, "sampler", what=name)
