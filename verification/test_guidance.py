"""Guidance by the critic's gradient, and what the losses of QSM, DAC and CGQL-Linex regress to."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.closed_forms import GaussianFlow
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from([(1, 1), (4, 3), (2, 3, 2)])
INV_TEMPS = st.floats(0.1, 5.0)


@settings(max_examples=examples(60))
@given(seed=SEEDS, inv_temp=INV_TEMPS, size=st.sampled_from([1, 3, 8]))
@check("GUID-1", "the minimiser of the mean Linex loss is the log-mean-exp of its targets")
def test_linex_minimiser(backend: Backend, seed: int, inv_temp: float, size: int) -> None:
    K, xp = backend.K, backend.xp
    # Targets within 2/inv_temp keep every exponent below the cap of 5 at and near the minimiser.
    target = np.random.default_rng(seed).uniform(-1.0, 1.0, size) / inv_temp
    best = float(backend.numpy(K.logsumexp_q(backend.array(target), 1.0 / inv_temp, 0)))

    def slope(q: float) -> float:
        ones, at = backend.array(np.ones(size)), backend.array(q)
        (value,) = backend.grad(lambda z: xp.mean(K.linex_loss(z * ones, backend.array(target), inv_temp, 5.0)), at)
        return float(value)

    assert_at_most(abs(slope(best)), 1e-11 * inv_temp, what="gradient at log-mean-exp")
    for step in (-0.5 / inv_temp, 0.5 / inv_temp):
        # mean e^Δ = e^{-inv_temp step} around the minimiser
        expected = inv_temp * (1.0 - np.exp(-inv_temp * step))
        assert_close(np.array(slope(best + step)), np.array(expected), "exponential", what="gradient beside it")


@settings(max_examples=examples(60))
@given(q=st.floats(-2.0, 2.0), inv_temp=INV_TEMPS, maximum=st.floats(2.0, 6.0))
@check("GUID-1", "Linex is exponential up to the cap and linear above, with slope -inv_temp; no gradient to the target")
def test_linex_cases(backend: Backend, q: float, inv_temp: float, maximum: float) -> None:
    K, xp = backend.K, backend.xp
    exponents = np.array([-30.0, -1.0, 0.0, maximum - 1e-3, maximum + 1e-3, maximum + 50.0, 1e4])
    target, values = q + exponents / inv_temp, np.full(exponents.shape, q)
    delta = inv_temp * (target - q)
    below = delta <= maximum
    # Cards 2.7: exp(Δ) + τ q where Δ ≤ 5, Δ above; the paper's eq. 70 has the cases swapped.
    curve = np.exp(np.where(below, delta, 0.0)) + inv_temp * q
    arrays = [backend.array(values), backend.array(target)]
    loss = backend.numpy(K.linex_loss(*arrays, inv_temp, maximum))
    assert_close(loss, np.where(below, curve, delta), "exponential", what="loss")
    slope, to_target = backend.grad(lambda *at: xp.sum(K.linex_loss(*at, inv_temp, maximum)), *arrays)
    branch = inv_temp * (1.0 - np.exp(np.where(below, delta, 0.0)))
    assert_close(slope, np.where(below, branch, -inv_temp), "exponential", what="gradient to q")
    assert_exact(to_target, np.zeros(to_target.shape), what="gradient to the target")


@settings(max_examples=examples(60))
@given(seed=SEEDS, shape=SHAPES, eta=st.floats(0.1, 5.0))
@check("GUID-1", "regression on dac_target has the gradient of the released loss √(1-ᾱ) ∇Q·ε + eta ‖noise - ε‖²")
def test_dac_target(backend: Backend, seed: int, shape: tuple[int, ...], eta: float) -> None:
    K, xp = backend.K, backend.xp
    rng = np.random.default_rng(seed)
    epsilon, noise, grad = (backend.array(rng.standard_normal(shape)) for _ in range(3))
    alpha_bar = backend.array(rng.uniform(0.0, 1.0, (*shape[:-1], 1)))
    target = K.dac_target(noise, grad, alpha_bar, eta)

    def released(e: Array) -> Array:
        return xp.mean(xp.sqrt(1.0 - alpha_bar) * grad * e) + eta * xp.mean((noise - e) ** 2)

    def regression(e: Array) -> Array:
        return eta * xp.mean(K.ddpm_loss(e, target))

    (expected,), (actual,) = backend.grad(released, epsilon), backend.grad(regression, epsilon)
    assert_close(actual, expected, "derivative", what="gradient to the noise prediction")


@settings(max_examples=examples(60))
@given(seed=SEEDS, shape=SHAPES, inv_temp=INV_TEMPS, alpha_bar=st.floats(0.05, 0.95))
@check("GUID-1", "a network that outputs qsm_target moves the sample up the critic; ascent, not descent")
def test_qsm_target(backend: Backend, seed: int, shape: tuple[int, ...], inv_temp: float, alpha_bar: float) -> None:
    rng = np.random.default_rng(seed)
    grad, x = rng.standard_normal(shape), rng.standard_normal(shape)
    level = backend.array(np.full((*shape[:-1], 1), alpha_bar))
    epsilon = backend.K.qsm_target(backend.array(grad), inv_temp)
    denoised = backend.numpy(backend.K.vp_denoise(epsilon, backend.array(x), level))
    # x̂ = (x - √(1-ᾱ) ε)/√ᾱ moves by inv_temp √(1-ᾱ)/√ᾱ along +∇Q.
    expected = x / np.sqrt(alpha_bar) + inv_temp * np.sqrt((1.0 - alpha_bar) / alpha_bar) * grad
    assert_close(denoised, expected, "reduction", what="data estimate")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES, inv_temp=INV_TEMPS, weight=st.floats(-1.0, 2.0))
@check("GUID-1", "guidance adds weight times the velocity of exp(inv_temp Q_t), exactly where that law is Gaussian")
def test_guided_velocity_of_a_gaussian(
    backend: Backend, seed: int, shape: tuple[int, ...], inv_temp: float, weight: float
) -> None:
    rng = np.random.default_rng(seed)
    law = GaussianFlow(rng.uniform(-1.0, 1.0, shape[-1]), rng.uniform(0.3, 2.0, shape[-1]))
    x, v_base = rng.standard_normal(shape), rng.standard_normal(shape)
    t = rng.uniform(0.05, 1.0, (*shape[:-1], 1))
    grad = -(x - t * law.mean) / law.variance(t) / inv_temp
    arrays = (backend.array(value) for value in (v_base, grad, x, t))
    v = backend.numpy(backend.K.guided_velocity(*arrays, inv_temp, weight))
    assert_close(v, v_base + weight * law.velocity(np)(x, t), "reduction", what="guided velocity")


@settings(max_examples=examples(60))
@given(seed=SEEDS, shape=SHAPES, inv_temp=INV_TEMPS)
@check(
    "GUID-1",
    "with the exact Q_t of a linear Q, guidance of weight one exceeds the velocity of p exp(inv_temp Q) by x/t",
)
def test_guided_velocity_against_the_tilt(backend: Backend, seed: int, shape: tuple[int, ...], inv_temp: float) -> None:
    rng = np.random.default_rng(seed)
    law = GaussianFlow(rng.uniform(-1.0, 1.0, shape[-1]), rng.uniform(0.3, 2.0, shape[-1]))
    slope = rng.standard_normal(shape[-1])  # Q = slope · a
    x, t = rng.standard_normal(shape), rng.uniform(0.1, 1.0, (*shape[:-1], 1))
    # log E[exp(τ slope·x1) | x_t] has gradient τ slope dE[x1|x_t]/dx = τ slope t s²/c(t), for p itself.
    grad = slope * t * law.std**2 / law.variance(t)
    base = law.velocity(np)(x, t)
    arrays = (backend.array(value) for value in (base, grad, x, t))
    v = backend.numpy(backend.K.guided_velocity(*arrays, inv_temp, 1.0))
    tilted = law.tilted(inv_temp * slope).velocity(np)(x, t)
    assert_close(v - x / t, tilted, "quotient", what="velocity of the tilt")


@settings(max_examples=examples(30))
@given(seed=SEEDS, shape=SHAPES, inv_temp=INV_TEMPS, weight=st.floats(0.0, 2.0))
@check("GUID-1", "no guidance at t = 0, and finite gradients there")
def test_no_guidance_at_the_start(
    backend: Backend, seed: int, shape: tuple[int, ...], inv_temp: float, weight: float
) -> None:
    rng = np.random.default_rng(seed)
    v_base, grad, x = (rng.standard_normal(shape) for _ in range(3))
    zero = backend.array(np.zeros((*shape[:-1], 1)))
    K, arrays = backend.K, [backend.array(value) for value in (v_base, grad, x)]
    assert_exact(backend.numpy(K.guided_velocity(*arrays, zero, inv_temp, weight)), v_base, what="velocity at 0")
    slopes = backend.grad(lambda *at: backend.xp.sum(K.guided_velocity(*at, zero, inv_temp, weight)), *arrays)
    for slope, expected in zip(slopes, (1.0, 0.0, 0.0), strict=True):
        assert_exact(slope, np.full(shape, expected), what="gradient at 0")
