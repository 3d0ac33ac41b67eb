"""Numbers behind the errata of QAM's adjoint matching and critic."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import quad, solve_ivp

from ... import reference as K
from ..closed_forms import GaussianFlow
from ..mixtures import Mixture
from .row import Measured


def one(value: float) -> np.ndarray:
    """A batch of one number, shape (1, 1)."""
    return np.full((1, 1), float(value))


def gaussian(std: float, mean: float = 0.0) -> GaussianFlow:
    """A one-dimensional flow."""
    return GaussianFlow(np.array([mean]), np.array([std]))


def marginal_sde(std: float = 0.5, noise: float = 0.5) -> Measured:
    """Variance at t = 0.9 of eq. 5 with constant σ² = noise, by the linear SDE's moment equation."""
    end = 0.9

    def variance(sign: float) -> float:
        def slope(t: float, v: np.ndarray) -> np.ndarray:
            J = (t * std**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * std**2)
            return np.asarray(2 * (J + noise / (2 * (1 - t)) * (t * J + sign)) * v + noise)

        solved = solve_ivp(slope, (0.0, end), np.ones(1), method="DOP853", rtol=1e-11, atol=1e-12)
        return float(solved.y[0, -1])

    return Measured((1 - end) ** 2 + end**2 * std**2, variance(+1.0), variance(-1.0))


def sensitivity(std: float, t: Any) -> Any:
    """How far x(1) moves for a unit drift at t along the memoryless SDE: s² t/c(t)."""
    return std**2 * t / ((1 - t) ** 2 + t**2 * std**2)


def running_cost(std: float = 0.5, tau: float = 1.0) -> Measured:
    """Mean shift at the optimum of eq. 18, Gaussian base and Q(a) = a, by its pointwise minimiser."""
    printed = quad(lambda t: 4 * tau * sensitivity(std, t) ** 2, 0, 1, epsabs=1e-12)[0]
    right = quad(lambda t: tau * sensitivity(std, t) ** 2 * 2 * (1 - t) / max(t, 1e-300), 0, 1, epsabs=1e-12)[0]
    return Measured(tau * std**2, printed, right)


def adjoint_sign(rate: float = 0.5, weight: float = 1.0, start: float = 1.0) -> Measured:
    """dJ/dx(0) for dx = rate x dt, cost ∫ weight x²/2 + x(1): eq. 11 backwards with either sign of its last term."""
    grown = np.exp(rate)
    truth = weight * start * (grown**2 - 1) / (2 * rate) + grown

    def backwards(sign: float) -> float:
        def slope(t: float, g: np.ndarray) -> np.ndarray:
            return np.asarray(-(rate * g + sign * weight * start * np.exp(rate * t)))

        solved = solve_ivp(slope, (1.0, 0.0), np.ones(1), method="DOP853", rtol=1e-12, atol=1e-12)
        return float(solved.y[0, -1])

    return Measured(truth, backwards(-1.0), backwards(+1.0))


def half(control: float = 0.3, sigma: float = 1.2, slope: float = -0.7) -> Measured:
    """Gradient in one step's control of the control objective, and of ‖u + σ g‖² with and without the half."""
    h, eps = 0.1, 1e-6

    def objective(u: float) -> float:
        # x(1) = ... + h σ u and terminal cost slope · x(1)
        return h * u**2 / 2 + slope * h * sigma * u

    def matching(u: float) -> float:
        return h * (u + sigma * slope) ** 2

    truth = (objective(control + eps) - objective(control - eps)) / (2 * eps)
    printed = (matching(control + eps) - matching(control - eps)) / (2 * eps)
    return Measured(truth, printed, printed / 2)


def pole(steps: float = 10) -> Measured:
    """Noise scale of the first step."""
    T = round(steps)
    right = float(K.memoryless_sigma(np.zeros(1), 1 / T)[0])
    return Measured(float(np.sqrt(2 * (T + 1))), float("inf"), right)


def last_noise(steps: float = 10) -> Measured:
    """Spread that the last step of eq. 24 puts on the final action, and what the kernel's adds to a plain step."""
    T = round(steps)
    printed = float(np.sqrt(2 / T * (1 / T) / (1 - 1 / T)))
    field = gaussian(0.5, 0.3).velocity(np)
    xs = K.memoryless_sde(field, field, one(0.3), np.random.default_rng(0).standard_normal((T - 1, 1, 1)))
    plain = xs[-2] + field(xs[-2], one(1 - 1 / T)) / T
    return Measured(0.0, printed, float(abs(xs[-1] - plain).max()))


MIXTURE = Mixture(np.array([0.4, 0.6]), np.array([-0.8, 0.7]), np.array([0.3, 0.4]))


def rollout(steps: int, seed: int = 0) -> tuple[Mixture, np.ndarray]:
    """A mixture's rollout of one trajectory."""
    rng = np.random.default_rng(seed)
    field = MIXTURE.velocity(np.asarray, np)
    return MIXTURE, K.memoryless_sde(field, field, rng.standard_normal((1, 1)), rng.standard_normal((steps - 1, 1, 1)))


def jacobian_point() -> Measured:
    """Lean adjoint one step before the middle of a ten-step rollout of a mixture, by both evaluation points."""
    law, xs = rollout(10)
    field, eps, h = law.velocity(np.asarray, np), 1e-6, 0.1

    def slope(x: np.ndarray, t: float) -> float:
        drift = [2 * field(x + d, one(t)) - (x + d) / t for d in (eps, -eps)]
        return float(((drift[0] - drift[1]) / (2 * eps))[0, 0])

    printed, composed = 1.0, 1.0
    for i in range(9, 3, -1):
        printed *= 1 + h * slope(xs[i + 1], (i + 1) * h)
        composed *= 1 + h * slope(xs[i], (i + 1) * h)
    return Measured(composed, printed, float(K.lean_adjoint(field, xs, one(1.0))[4, 0, 0]))


def adjoint_error(steps: int, heun: bool, std: float = 0.5) -> float:
    """Largest error of the lean adjoint for a Gaussian base and Q(a) = a."""
    flow = gaussian(std)
    kernel = K.lean_adjoint_heun if heun else K.lean_adjoint
    gs = kernel(flow.velocity(np), np.zeros((steps + 1, 1, 1)), one(-1.0))
    exact = flow.lean_adjoint(np.linspace(0, 1, steps + 1)[:, None, None], -1.0)
    return float(np.abs(gs - exact).max())


def second_order(std: float = 0.5) -> Measured:
    """Largest adjoint error at T = 10."""
    return Measured(0.0, adjoint_error(10, False, std), adjoint_error(10, True, std))


def first_residual(std: float = 0.5) -> Measured:
    """Optimum residual -σ² g/2 at t = 0, T = 10, Gaussian base, Q(a) = a: the exact velocity's is s²."""
    flow, h = gaussian(std), 0.1
    gs = K.lean_adjoint(flow.velocity(np), np.zeros((11, 1, 1)), one(-1.0))
    released = -(float(K.memoryless_sigma(np.zeros(1), h)[0]) ** 2) * float(gs[0, 0, 0]) / 2
    # σ² g/2 = (1-t)/t g = (1-t) ĝ with g = t ĝ: ĝ of the Heun kernel at t = 0, by its value at the first step
    steps = 500
    fine = K.lean_adjoint_heun(flow.velocity(np), np.zeros((steps + 1, 1, 1)), one(-1.0))
    return Measured(std**2, released, -float(fine[1, 0, 0]) * (steps - 1))


def kl_direction(tau: float = 1.0) -> Measured:
    """Lagrange condition of eq. 15 at the policy of eq. 16, three actions with Q = -1, 0, 1.

    At an optimum the constraint's gradient is affine in Q, so that its second difference over the three vanishes.
    """
    q, base = np.array([-1.0, 0.0, 1.0]), np.array([0.2, 0.5, 0.3])
    policy = base * np.exp(tau * q) / np.sum(base * np.exp(tau * q))
    printed, right = -base / policy, np.log(policy / base) + 1
    second = [float(g[0] - 2 * g[1] + g[2]) for g in (printed, right)]
    return Measured(0.0, second[0], second[1])


def regressor_input(std: float = 1.0) -> Measured:
    """Std of the samples of a flow trained by eq. 17 as printed: its input z tells nothing of a."""
    steps = 200
    ends = [K.heun(lambda x, t: -x, one(z), steps) - K.heun(lambda x, t: -x, one(0), steps) for z in (1.0,)]
    good = K.heun(gaussian(std).velocity(np), one(1.0), steps)
    return Measured(std, float(ends[0][0, 0]), float(good[0, 0]))


def no_square(low: float = 0.0, high: float = 1.0) -> Measured:
    """Slope of eq. 23's loss at the mean of two equally likely targets, where the squared loss has none."""
    targets = np.array([low, high])
    q, eps = targets.mean(), 1e-6

    def slope(loss: Callable[[np.ndarray], np.ndarray]) -> float:
        return float((np.mean(loss(q + eps - targets)) - np.mean(loss(q - eps - targets))) / (2 * eps))

    return Measured(0.0, slope(np.positive), slope(np.square))


def average_time(rate: float = 0.005) -> Measured:
    """Updates until an exponential average has moved 1 - 1/e of the way."""
    return Measured(float(-1 / np.log1p(-rate)), rate, 1 / rate)


def ensemble_std(members: float = 10, seed: float = 0) -> Measured:
    """Std of an ensemble's values."""
    n = round(members)
    q = np.random.default_rng(round(seed)).standard_normal((n, 1))
    printed = float(np.sqrt(np.sum((q - q.mean()) ** 2)))
    lower = K.td_target_pessimistic(q, np.zeros(1), 1.0, np.ones(1), 1.0)
    truth = float(np.sqrt(np.mean(q**2) - q.mean() ** 2))
    return Measured(truth, printed, float(q.mean() - lower[0]), {"ratio": printed / truth})


def terminal_mask(reward: float = 0.0, value: float = -5.0, discount: float = 0.99) -> Measured:
    """Target of the step that ends the episode, after which there is nothing."""
    q = np.full((2, 1), value)
    right = K.td_target_pessimistic(q, np.full(1, reward), discount, np.zeros(1), 0.5)
    return Measured(reward, reward + discount * value, float(right[0]))


def clip_direction(first: float = 3.0, second: float = 4.0) -> Measured:
    """Ratio of a gradient's two entries after clipping element by element, and to the joint norm."""
    g = np.array([first, second])
    printed, right = np.clip(g, -1, 1), g / max(1.0, float(np.linalg.norm(g)))
    return Measured(second / first, float(printed[1] / printed[0]), float(right[1] / right[0]))


def outside_box(a: float = 1.5, tau: float = 1.0) -> Measured:
    """Terminal adjoint at an action outside [-1, 1] for Q(a) = a, as the clipped critic has it."""
    right = K.adjoint_terminal(lambda x: x[None, ..., 0], one(a), tau)
    eps = 1e-6
    truth = -tau * float(np.clip(a + eps, -1, 1) - np.clip(a - eps, -1, 1)) / (2 * eps)
    return Measured(truth, -tau, float(right[0, 0]))


def sum_or_mean(steps: float = 10) -> Measured:
    """The matching loss of one trajectory with 2 v/σ + σ g = 1 at every step."""
    T = round(steps)
    gs = np.zeros((T + 1, 1, 1))
    v = np.array([K.memoryless_sigma(np.full((1, 1), i / T), 1 / T) for i in range(T)]) / 2
    return Measured(float(T), 1.0, float(K.adjoint_matching_loss(v, 0 * v, gs)[0]))


def transposed() -> Measured:
    """First entry of g at the step before the last, T = 2, base(x) = A x, A = [[0, 1], [0, 0]], terminal (0, 1)."""
    A, h, terminal, x = np.array([[0.0, 1.0], [0.0, 0.0]]), 0.5, np.array([0.0, 1.0]), np.array([0.3, -0.2])
    xs, eps = np.tile(x, (3, 1)), 1e-6

    def value(first: float) -> float:
        moved = np.array([first, x[1]])
        return float(terminal @ (moved + h * (2 * A @ moved - moved)))

    truth = (value(x[0] + eps) - value(x[0] - eps)) / (2 * eps)
    forward = terminal + h * (2 * A @ terminal - terminal)
    gs = K.lean_adjoint(lambda x, t: x @ A.T, xs, terminal)
    return Measured(truth, float(forward[0]), float(gs[1, 0]))


def residual_alone(std: float = 0.5, tau: float = 1.0) -> Measured:
    """Mean reached by the flow of v*_res, and by base + σ/2 v*_res, Gaussian base of mean 0.3, Q(a) = a."""
    flow = gaussian(std, 0.3)
    tilt = flow.tilted(np.array([tau]))

    def change(t: float) -> float:
        return tau * std**2 * (1 - t) / ((1 - t) ** 2 + t**2 * std**2)

    alone = quad(lambda t: change(t) * np.sqrt(2 * t / max(1 - t, 1e-300)), 0, 1)[0]
    base = flow.velocity(np)

    def both(t: float, x: np.ndarray) -> np.ndarray:
        return np.asarray(base(x, np.array([t])) + change(t))

    solved = solve_ivp(both, (0.0, 1.0), np.zeros(1), method="DOP853", rtol=1e-11, atol=1e-12)
    return Measured(float(tilt.mean[0]), float(alone), float(solved.y[0, -1]))


def norm_over_dimensions(actions: float = 25) -> Measured:
    """Distillation loss of a student one unit off in every one of hA dimensions."""
    A = round(actions)
    v, zero = np.ones((1, A)), np.zeros((1, A))
    return Measured(1.0, float(A), float(K.flow_matching_loss(v, zero, zero)[0]))
