"""Numbers behind the errata of DOAL."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from ... import reference as K
from .numbers_qam import one
from .row import Measured


def gradients(seed: float) -> np.ndarray:
    """A batch of 64 gradients in three dimensions, of very different lengths."""
    rng = np.random.default_rng(round(seed))
    return np.asarray(rng.standard_normal((64, 3)) * np.exp(rng.standard_normal((64, 1))))


def mean_length(delta: float = 0.1, seed: float = 0) -> Measured:
    """Mean length of the move for a batch of gradients, normalised by the mean norm and by the mean squared norm."""
    grad = gradients(seed)
    lengths = np.linalg.norm(grad, axis=1)
    moved = K.batch_normalized_target(0 * grad, grad, delta)
    printed = delta * lengths.mean() / np.mean(lengths**2)
    root = delta * lengths.mean() / np.sqrt(np.mean(lengths**2))
    return Measured(delta, float(printed), float(np.linalg.norm(moved, axis=1).mean()), {"root": float(root)})


def two_updates(delta: float = 0.1, seed: float = 0) -> Measured:
    """Largest difference between two updates along ∇Q of mean length δ: own length δ each, or eq. 14's."""
    grad = gradients(seed)
    common = K.batch_normalized_target(0 * grad, grad, delta)
    each = delta * grad / np.linalg.norm(grad, axis=1, keepdims=True)
    lengths = np.linalg.norm(each, axis=1)
    # one constant for the whole batch leaves no choice: its value from the first sample and from the mean length
    constants = np.linalg.norm(common[0]) / np.linalg.norm(grad[0]), delta / np.linalg.norm(grad, axis=1).mean()
    return Measured(
        0.0, float(np.abs(common - each).max()), float(abs(constants[0] - constants[1])), {"length": lengths.mean()}
    )


def frozen_target(policy: float = 0.8, a: float = 0.2, alpha: float = 2.0, curvature: float = 1.5) -> Measured:
    """dJ_Q/dπ for Q = -curvature π²/2, and the regression's slope with its target differentiated and held."""
    eps = 1e-6

    def target(pi: float) -> float:
        return a - curvature * pi / (2 * alpha)

    def slope(function: Callable[[float], float]) -> float:
        return float((function(policy + eps) - function(policy - eps)) / (2 * eps))

    truth = slope(lambda pi: -curvature * pi**2 / 2 - alpha * (pi - a) ** 2)
    printed = slope(lambda pi: -alpha * (pi - target(pi)) ** 2)
    held = target(policy)
    return Measured(truth, printed, slope(lambda pi: -alpha * (pi - held) ** 2))


def linearised(policy: float = 0.8, a: float = 0.2, alpha: float = 2.0, curvature: float = 1.5) -> Measured:
    """Slope of the regression on DOAL's target, of the BRAC objective, and of that objective with Q linearised at a."""
    grad = K.action_gradient(lambda x: -curvature * x[None, ..., 0] ** 2 / 2, one(a), lambda q: q[0])
    # delta = ‖grad‖/(2α) makes the kernel's target a + grad/(2α)
    target = float(K.batch_normalized_target(one(a), grad, float(abs(grad[0, 0])) / (2 * alpha))[0, 0])
    regression = -2 * alpha * (policy - target)
    brac = -curvature * policy - 2 * alpha * (policy - a)
    straight = -curvature * a - 2 * alpha * (policy - a)
    return Measured(straight, brac, regression)


def weighted_ascent(low: float = -1.0, high: float = 1.0) -> Measured:
    """Mean of a unit Gaussian after 100 descent steps on ±E[w log π], actions low and high with weights 1 and 3."""
    a, w = np.array([low, high]), np.array([1.0, 3.0])
    w = w / w.sum()

    def descend(sign: float) -> float:
        mean, eps = 0.0, 1e-6
        for _ in range(100):
            ends = [
                sign * float(w @ K.gaussian_log_prob(a[:, None], 0 * a[:, None] + mean + d, 0 * a[:, None]))
                for d in (eps, -eps)
            ]
            mean -= 0.1 * (ends[0] - ends[1]) / (2 * eps)
        return mean

    return Measured(float(w @ a), descend(1.0), descend(-1.0))


def sine_weight(angle: float = 0.1) -> Measured:
    """Loss of eq. 6 for a network F that is off by one."""
    x0, x1, t = one(0.6), one(-0.3), one(angle)
    x, derivative = K.trigflow_path(x0, x1, t)
    off = K.trigflow_denoise(derivative + 1.0, x, t) - x1
    return Measured(float(np.sin(angle) ** 2), 1.0, float(off[0, 0]) ** 2)


def adam_scale(scale: float = 300.0, gradient: float = 1e-3) -> Measured:
    """Adam's first step for a loss times α, relative to that for the loss."""

    def step(g: float) -> float:
        first, second = 0.1 * g / (1 - 0.9), 0.001 * g**2 / (1 - 0.999)
        return first / (float(np.sqrt(second)) + 1e-8)

    return Measured(1.0, scale, float(step(scale * gradient) / step(gradient)))


def falling_means(gap: float = 1.0) -> Measured:
    """Probability that action 0 has the largest estimate of all, means -gap i, i = 0, 1, …, noise N(0, 1)."""
    depth = int(np.ceil(12 / gap))

    def density(z: float) -> float:
        return float(norm.pdf(z) * np.prod(norm.cdf(z + gap * np.arange(1, depth))))

    truth = quad(density, -10, 10, epsabs=1e-11)[0]
    rng = np.random.default_rng(0)
    estimates = rng.standard_normal((depth, 20000)) - gap * np.arange(depth)[:, None]
    index = np.broadcast_to(np.arange(depth, dtype=float)[:, None, None], (depth, 20000, 1))
    return Measured(float(truth), 0.0, float(np.mean(K.best_of_n(index, estimates)[:, 0] == 0)))


def reversed_velocity(a: float = 0.7, noise: float = -0.4) -> Measured:
    """d a_t/dt of eq. 3's path, and the velocity it regresses on."""
    eps = 1e-6

    def path(t: float) -> float:
        return (1 - t) * a + t * noise

    truth = (path(0.3 + eps) - path(0.3 - eps)) / (2 * eps)
    _, v = K.linear_path(one(noise), one(a), one(0.7))
    return Measured(float(truth), a - noise, -float(v[0, 0]))
