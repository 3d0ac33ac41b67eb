"""Numbers behind the errata of QAM's diffusion baselines, QSM and DAC, and of their samplers."""

import numpy as np
from scipy.optimize import minimize_scalar

from ... import reference as K
from .numbers_qam import one
from .row import Measured

STEPS = 10
BETA, _, ALPHA_BAR = K.vp_schedule(STEPS)


def level(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """β_i, ᾱ_i and ᾱ_{i-1} of step i = 1..10, each (1, 1)."""
    before = 1.0 if i == 1 else float(ALPHA_BAR[i - 2])
    return one(BETA[i - 1]), one(ALPHA_BAR[i - 1]), one(before)


def boltzmann(temperature: float = 1.0) -> Measured:
    """Probability of the first of three actions with Q = -1, 0, 2."""
    q = np.array([-1.0, 0.0, 2.0]) * temperature
    weights = np.exp(q - q.max())
    soft = float(K.logsumexp_q(q[:, None], 1.0)[0]) + np.log(3)
    return Measured(float(weights[0] / weights.sum()), float(q[0] / q.sum()), float(np.exp(q[0] - soft)))


def clean_level() -> Measured:
    """Weight of the data estimate in the sampler's last mean, one for a clean action."""
    beta, alpha_bar, before = level(1)
    last = K.ddpm_mean(one(1.0), one(0.0), beta, alpha_bar, before)
    return Measured(1.0, float(ALPHA_BAR[0]), float(last[0, 0]))


def last_step_noise(seed: float = 0) -> Measured:
    """Spread of the sampled action over the last step's noise alone, for a point mass at 0.4."""
    rng = np.random.default_rng(round(seed))
    x, noises = rng.standard_normal((1, 1)), rng.standard_normal((STEPS - 1, 1, 1))

    def exact(x: np.ndarray, i: np.ndarray) -> np.ndarray:
        bar = ALPHA_BAR[np.round(np.real(i)).astype(int) - 1]
        return np.asarray((x - np.sqrt(bar) * 0.4) / np.sqrt(1 - bar))

    return Measured(0.0, float(np.sqrt(BETA[0])), float(abs(K.dac_sample(exact, x, noises) - 0.4).max()))


def qsm_sign(tau: float = 1.0, step: float = 5) -> Measured:
    """Direction in which the data estimate moves for Q(a) = a: a policy ∝ e^{τQ} wants up."""
    _, alpha_bar, _ = level(round(step))
    moved = [
        np.sign(K.vp_denoise(epsilon, one(0.0), alpha_bar)[0, 0]) for epsilon in (one(tau), K.qsm_target(one(1.0), tau))
    ]
    return Measured(1.0, float(moved[0]), float(moved[1]))


def qsm_scale(x: float = 1.0, step: float = 5) -> Measured:
    """Noise prediction at x for data N(0, 1), that is Q = -a²/2 and τ = 1: E[ε given x] = √(1-ᾱ) x."""
    _, alpha_bar, _ = level(round(step))
    # x = √ᾱ a + √(1-ᾱ) ε with unit variances: cov(x, ε)/var(x)
    truth = float(np.sqrt(1 - alpha_bar[0, 0])) * x
    printed = float(K.qsm_target(one(-x), 1.0)[0, 0])
    # dac_target at noise 0 and η = 1/(2τ) is -√(1-ᾱ) τ ∇Q
    right = float(K.dac_target(one(0.0), one(-x), alpha_bar, 0.5)[0, 0])
    return Measured(truth, printed, right)


def conditional(i: int, x0: float, x: float) -> tuple[float, float]:
    """Mean and variance of x_{i-1} given x_0 and x_i, by conditioning the joint normal law."""
    beta, _, before = (float(part[0, 0]) for part in level(i))
    variance, gain = 1 - before, np.sqrt(1 - beta)
    mean = np.sqrt(before) * x0
    weight = variance * gain / (gain**2 * variance + beta)
    return float(mean + weight * (x - gain * mean)), float(variance - weight * gain * variance)


def qsm_mean(x: float = 1.0, step: float = 5) -> Measured:
    """Mean of the next state from state x when the data estimate is 0."""
    i = round(step)
    beta, alpha_bar, before = level(i)
    right = K.ddpm_mean(one(0.0), one(x), beta, alpha_bar, before)
    return Measured(conditional(i, 0.0, x)[0], 0.0, float(right[0, 0]))


def dac_scale(gradient: float = 1.0, tau: float = 1.0, step: float = 2) -> Measured:
    """Change of the noise prediction by which the score gains τ ∇Q: score = -ε/√(1-ᾱ)."""
    _, alpha_bar, _ = level(round(step))
    truth = -float(np.sqrt(1 - alpha_bar[0, 0])) * tau * gradient
    right = K.dac_target(one(0.0), one(gradient), alpha_bar, 1 / (2 * tau))
    return Measured(truth, -tau * gradient, float(right[0, 0]))


def dac_weight(tau: float = 1.0, gradient: float = 1.0) -> Measured:
    """Minimiser over f, less ε, of eq. 53's first line, and of its second with either η."""
    truth = minimize_scalar(lambda f: (-tau * gradient - f) ** 2, tol=1e-12).x

    def second(eta: float) -> float:
        # the kernel's minimiser of √(1-ᾱ) f·∇Q + η ‖ε - f‖² at ᾱ = 0
        return float(K.dac_target(one(0.0), one(gradient), one(0.0), eta)[0, 0])

    return Measured(float(truth), second(2 / tau), second(1 / (2 * tau)))


def dac_norm(noise: float = -0.1, gradient: float = 1.0, eta: float = 1.0) -> Measured:
    """Minimiser over f of f·∇Q + η(ε - f)², and of the printed ‖f·∇Q‖ + η(ε - f)²."""
    grid = np.linspace(-3, 3, 600001)
    printed = grid[np.argmin(np.abs(grid * gradient) + eta * (noise - grid) ** 2)]
    truth = minimize_scalar(lambda f: f * gradient + eta * (noise - f) ** 2, tol=1e-12).x
    right = K.dac_target(one(noise), one(gradient), one(0.0), eta)
    return Measured(float(truth), float(printed), float(right[0, 0]))


def noised(i: int, a: float, noise: float) -> np.ndarray:
    """The point √ᾱ_i a + √(1-ᾱ_i) ε."""
    return K.vp_path(one(a), one(noise), level(i)[1])


def dac_estimate(a: float = 0.4, noise: float = 1.0, step: float = 8) -> Measured:
    """The “denoised action” found with the true noise."""
    i = round(step)
    beta, alpha_bar, _ = (float(part[0, 0]) for part in level(i))
    x = float(noised(i, a, noise)[0, 0])
    printed = (x - beta / np.sqrt(1 - alpha_bar) * noise) / np.sqrt(1 - beta)
    return Measured(a, float(printed), float(K.vp_denoise(one(noise), one(x), level(i)[1])[0, 0]))


def dac_mean(a: float = 0.4, x: float = 1.0, step: float = 5) -> Measured:
    """Mean of x_{i-1} given x_i = x and the data a."""
    i = round(step)
    beta, alpha_bar, before = (float(part[0, 0]) for part in level(i))
    printed = beta * np.sqrt(before) / (1 - alpha_bar) * a + np.sqrt(1 - beta) * (1 - before) * x
    # the root over the whole product, as eq. 56 can also be read, is no better
    misread = beta * np.sqrt(before) / (1 - alpha_bar) * a + np.sqrt((1 - beta) * (1 - before)) * x
    right = K.ddpm_mean(one(a), one(x), *level(i))
    return Measured(conditional(i, a, x)[0], float(printed), float(right[0, 0]), {"misread": float(misread)})


def dac_variance(step: float = 5) -> Measured:
    """Variance of x_{i-1} given x_i and the data."""
    i = round(step)
    beta, alpha_bar, before = (float(part[0, 0]) for part in level(i))
    printed = np.sqrt(1 - before) / np.sqrt(1 - alpha_bar) * beta
    noise = K.ddpm_posterior_step(one(0.0), one(0.0), one(1.0), *level(i))
    return Measured(conditional(i, 0.0, 0.0)[1], float(printed), float(noise[0, 0]) ** 2)
