"""Numbers behind the errata of QAM's other baselines: guidance, weighted regression, edits, distances of policies."""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from ... import reference as K
from ..mixtures import Mixture
from ..tilted_mixtures import TiltedMixture
from .numbers_qam import gaussian, one, sensitivity
from .row import Measured

NODES, WEIGHTS = hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
PROBLEM = TiltedMixture(Mixture(np.array([0.5, 0.5]), np.array([-0.7, 0.6]), np.array([0.3, 0.4])), 0.8, -1.5, 1.0)


def slope(function: Callable[[float], float], x: float, step: float = 1e-5) -> float:
    """Central difference."""
    return float((function(x + step) - function(x - step)) / (2 * step))


def energy_guidance(x: float = 0.3, t: float = 0.5) -> Measured:
    """Score at (x, t) of the tilt of a two-mode base, and base score plus either reading of ∇Q^t."""
    law, tilt = PROBLEM.law, PROBLEM.tilted()

    def log_density(mixture: Mixture, at: float) -> float:
        return float(np.log(mixture.density(one(at), one(t)))[0, 0])

    grid = np.linspace(-4, 4, 8001)
    prior = law.density(grid[:, None], np.ones((1, 1)))[:, 0]

    def energy(at: float, weight: np.ndarray) -> float:
        likelihood = np.exp(-((at - t * grid) ** 2) / (2 * (1 - t) ** 2))
        return float(np.log(np.sum(weight * likelihood * np.exp(PROBLEM.q(grid))) / np.sum(weight * likelihood)))

    def marginal(at: float) -> float:
        likelihood = np.exp(-((at - t * grid) ** 2) / (2 * (1 - t) ** 2))
        return float(np.log(np.sum(likelihood * np.exp(PROBLEM.q(grid)))))

    base = slope(lambda at: log_density(law, at), x)
    truth = slope(lambda at: log_density(tilt, at), x)
    return Measured(truth, base + slope(marginal, x), base + slope(lambda at: energy(at, prior), x))


def clip_bounds(a: float = 0.3) -> Measured:
    """An action inside the box after clipping."""
    x = K.euler(lambda x, t: 0 * x, one(a), 10)
    return Measured(a, float(np.clip(x, 1, 1)[0, 0]), float(np.clip(x, -1, 1)[0, 0]))


def late_velocity(x: float = 1.0) -> Measured:
    """Ten Euler steps of dx/dt = -x from x, velocity at the current state, and one state late."""
    states = [x, x]
    for _ in range(10):
        states.append(states[-1] - 0.1 * states[-2])
    right = K.euler(lambda x, t: -x, one(x), 10)
    return Measured(x * 0.9**10, float(states[-1]), float(right[0, 0]))


def extra_step(steps: float = 10) -> Measured:
    """Where the constant velocity 1 leads from 0 in unit time, with indices 0..T and 0..T-1."""
    T = round(steps)
    right = K.euler(lambda x, t: 0 * x + 1, one(0.0), T)
    return Measured(1.0, (T + 1) / T, float(right[0, 0]))


def no_discount(discount: float = 0.99) -> Measured:
    """Value of reward -1 for ever after 2000 backups."""
    printed, right = 0.0, np.zeros((2, 1))
    for _ in range(2000):
        printed = -1.0 + printed
        right = np.repeat(K.td_target_min(right, -np.ones(1), discount, np.ones(1))[None], 2, axis=0)
    return Measured(-1 / (1 - discount), printed, float(right[0, 0]))


def added_velocity(s: float = 0.5, x: float = 0.6, t: float = 0.5, tau: float = 1.0) -> Measured:
    """Velocity of the tilt p exp(τ Q_t) at (x, t), p = N(0, s²), Q(a) = a, the exact ∇Q_t = t s²/c(t), weight 1."""
    flow = gaussian(s)
    v, grad = flow.velocity(np)(one(x), one(t)), one(sensitivity(s, t))
    truth = flow.tilted(np.array([tau])).velocity(np)(one(x), one(t))
    printed = K.guided_velocity(v, grad, one(x), one(t), tau, 1.0)
    right = K.guided_velocity(v, grad, one(0.0), one(t), tau, 1.0)
    return Measured(float(truth[0, 0]), float(printed[0, 0]), float(right[0, 0]), {"excess": x / t})


def guidance_at_start(x: float = 0.6) -> Measured:
    """Guided velocity at time 0 for a base velocity of 0.2."""
    right = K.guided_velocity(one(0.2), one(1.0), one(x), one(0.0), 1.0, 0.1)
    return Measured(0.2, float("inf"), float(right[0, 0]))


def smoothed_critic(s: float = 0.8, x: float = 0.6, t: float = 0.5) -> Measured:
    """Score at (x, t) of the law ∝ e^Q, Q = -a²/(2s²), carried along the path: by its closed form and by quadrature."""

    def expectation(action: Callable[[float], np.ndarray]) -> Callable[[float], float]:
        return lambda at: float(np.log(np.sum(WEIGHTS * np.exp(-(action(at) ** 2) / (2 * s**2)))))

    printed = slope(expectation(lambda at: (1 - t) * NODES + t * at), x)
    right = slope(expectation(lambda at: (at - (1 - t) * NODES) / t), x)
    return Measured(-x / (t**2 * s**2 + (1 - t) ** 2), printed, right)


def regression_minimum(t: float = 0.5, x: float = 0.2) -> Measured:
    """Minimiser of eq. 63 at a^u = x for actions ±1 and Q = a², and of E_{z,u}[Q(a^u)] in eq. 65."""
    actions = np.array([-1.0, 1.0])
    posterior = np.exp(-((x - t * actions) ** 2) / (2 * (1 - t) ** 2))
    right = float(np.sum(posterior * actions**2) / posterior.sum())
    printed = float(np.mean([np.sum(WEIGHTS * ((1 - t) * NODES + t * a) ** 2) for a in actions]))
    return Measured(1.0, printed, right)


def linex_cases(tau: float = 2.0) -> Measured:
    """Slope of the loss where the prediction equals its only target: zero at a minimum."""
    right = slope(lambda q: float(K.linex_loss(np.array([q]), np.zeros(1), tau)[0]), 0.0)
    printed = slope(lambda q: -tau * q, 0.0)
    return Measured(0.0, printed, right)


def linex_cap(tau: float = 1.0) -> Measured:
    """Slope of the loss in q just above the cap Δ = 5, and of the tangent there."""
    below = slope(lambda q: float(K.linex_loss(np.array([q]), np.zeros(1), tau)[0]), (-5 + 1e-3) / tau)
    above = slope(lambda q: float(K.linex_loss(np.array([q]), np.zeros(1), tau)[0]), (-5 - 1e-3) / tau)
    tangent = -tau * (np.exp(5.0) - 1)
    return Measured(below, above, float(tangent))


def weighted_sign(mean: float = 0.7, std: float = 0.5) -> Measured:
    """Mean of the samples of a flow that minimises ‖v - (a-z)‖², and eq. 74's ‖v - z + a‖²."""
    field = gaussian(std, mean).velocity(np)
    printed = K.heun(lambda x, t: -field(x, t), one(0.0), 200)
    right = K.heun(field, one(0.0), 200)
    return Measured(mean, float(printed[0, 0]), float(right[0, 0]))


def weight_temperature(advantage: float = 0.5, tau: float = 2.0) -> Measured:
    """Weight of an action of this advantage under the tilt e^{τA}."""
    right = K.advantage_weight(np.array([advantage]), tau)
    return Measured(float(np.exp(tau * advantage)), float(np.exp(advantage)), float(right[0]))


def edit_entropy(scale: float = 0.1, actions: float = 25) -> Measured:
    """Entropy, in nats, of the edit σ_a Δ less that of Δ: what a bound on H(π_ω) leaves out."""
    A = round(actions)
    z = np.zeros((1, A))
    wide = K.gaussian_log_prob(z, z, z)
    narrow = K.gaussian_log_prob(z, z, z + np.log(scale))
    return Measured(float(A * np.log(scale)), 0.0, float(wide[0] - narrow[0]))


def bam_strength(steps: float = 10, std: float = 0.5) -> Measured:
    """Mean shift at the optimum of Σ w 2‖Δv‖²/σ² - x(1), w = h and 1, Gaussian base: by its adjoint, by its minimum."""
    T = round(steps)
    base = gaussian(std).velocity(np)
    squared = K.memoryless_sigma(np.arange(T - 1) / T, 1 / T) ** 2

    def end(moved: int) -> float:
        def field(x: np.ndarray, t: np.ndarray) -> np.ndarray:
            return np.asarray(base(x, t) + (np.round(t * T) == moved))

        return float(K.memoryless_sde(field, base, one(0.0), np.zeros((T - 1, 1, 1)))[-1, 0, 0])

    reach = np.array([end(i) for i in range(T - 1)]) - end(-1)
    xs = K.memoryless_sde(base, base, one(0.0), np.zeros((T - 1, 1, 1)))
    gs = K.basic_adjoint(base, base, base, xs, one(-1.0))[1:T, 0, 0]
    truth = float(np.sum(reach * -squared * gs / 2))
    # the minimum of w 2 Δv²/σ² - reach Δv is at σ² reach/(4 w)
    shift = {w: float(np.sum(reach * squared * reach / (4 * w))) for w in (1.0, 1 / T)}
    return Measured(truth, shift[1.0], shift[1 / T], {"ratio": shift[1 / T] / shift[1.0]})


def reversed_kl(tilt: float = 1.0) -> Measured:
    """KL(π ‖ π_β) over three actions."""
    base = np.array([0.2, 0.5, 0.3])
    policy = base * np.exp(tilt * np.array([-1.0, 0.0, 1.0]))
    policy = policy / policy.sum()
    printed = float(np.sum(base * np.log(base / policy)))
    truth = float(np.sum(policy * (np.log(policy) - np.log(base))))
    # Donsker-Varadhan, attained at f = τ Q: E_π f - log E_β e^f
    f = tilt * np.array([-1.0, 0.0, 1.0])
    return Measured(truth, printed, float(policy @ f - np.log(base @ np.exp(f))))


def coupling(std: float = 0.5) -> Measured:
    """W2² between the laws of a teacher s z and a student -s z, and the loss that pairs them by the noise z."""
    z = NODES
    paired = float(np.sum(WEIGHTS * (std * z + std * z) ** 2))
    ordered = float(np.sum(WEIGHTS * (np.sort(std * z) - np.sort(-std * z)) ** 2))
    return Measured(0.0, paired, ordered)


def support_penalty(outside: float = 0.25) -> Measured:
    """Penalty of a policy that puts this share of its mass outside the behaviour's support."""
    policy, base = np.array([outside, 1 - outside]), np.array([0.0, 1.0])
    return Measured(outside, float(np.sum(policy * (base > 0))), float(np.sum(policy * (base == 0))))
