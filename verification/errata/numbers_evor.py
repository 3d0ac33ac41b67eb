"""Numbers behind the errata of EVOR."""

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import quad, solve_ivp

from ... import reference as K
from ..mixtures import Mixture
from .numbers_qam import gaussian, one
from .row import Measured


def no_discount(discount: float = 0.9) -> Measured:
    """Fixed point of the flow target for reward 1 for ever, after 1000 backups."""
    printed, right = one(0.0), one(0.0)
    for _ in range(1000):
        printed, right = K.flow_td_target(one(1), one(1), printed), K.flow_td_target(one(1), one(discount), right)
    return Measured(1 / (1 - discount), float(printed[0, 0]), float(right[0, 0]))


def coin(prize: float = 3.0) -> Measured:
    """Std of the law learned for a last reward of ±prize by a fair coin."""
    law = Mixture(np.array([0.5, 0.5]), np.array([-prize, prize]), np.zeros(2))
    start, weights = hermegauss(20)
    weights = weights / weights.sum()

    def mean_target(t: float, z: np.ndarray, consistent: bool) -> np.ndarray:
        # E over the reward given z_t of the target with discount 0
        likelihood = [np.exp(-((z - t * r) ** 2) / (2 * (1 - t) ** 2)) for r in law.means]
        values = []
        for r in law.means:
            reward, zero, time = np.full(z.shape, r), np.zeros(z.shape), np.full(z.shape, t)
            values.append(
                K.bellman_flow_target(reward, zero, z, time, lambda y, w: 0 * y)
                if consistent
                else K.flow_td_target(reward, zero, 0 * z)
            )
        weight = likelihood if consistent else [np.ones_like(z)] * 2
        total = sum(weight)
        return np.asarray(sum(w * v for w, v in zip(weight, values, strict=True)) / np.maximum(total, 1e-300))

    def learned(consistent: bool) -> float:
        def velocity(t: float, z: np.ndarray) -> np.ndarray:
            return mean_target(min(t, 0.999), z[:, None], consistent)[:, 0]

        ends = solve_ivp(velocity, (0.0, 0.999), start, rtol=1e-7, atol=1e-9).y[:, -1]
        return float(np.sqrt(weights @ ends**2))

    return Measured(prize, learned(False), learned(True))


def one_backup(std: float = 0.1, reward: float = 1.0) -> Measured:
    """Shift of the learned mean by one backup of a reward, next return N(0.5, std²)."""
    field = gaussian(std, 0.5).velocity(np)

    def end(consistent: bool) -> float:
        def velocity(t: float, z: np.ndarray) -> np.ndarray:
            time = one(min(t, 1 - 1e-12))
            if consistent:
                return np.asarray(K.bellman_flow_target(one(reward), one(1), z[None], time, field)[0])
            return np.asarray(K.flow_td_target(one(reward), one(1), field(z[None], time))[0])

        return float(solve_ivp(velocity, (0.0, 1.0), np.zeros(1), method="DOP853", rtol=1e-9, atol=1e-9).y[0, -1])

    integral = quad(lambda u: 1 / np.sqrt((1 - u) ** 2 + (u * std) ** 2), 0, 1, epsabs=1e-11)[0]
    return Measured(reward, end(False) - 0.5, end(True) - 0.5, {"closed": reward * std * integral})


def pointwise(z: float = 0.4, t: float = 0.5, reward: float = 1.0, std: float = 0.5) -> Measured:
    """Velocity of r + Z' at (z, t), and r + the velocity of Z' at the same point, Z' = N(0, std²)."""
    field = gaussian(std).velocity(np)
    truth = gaussian(std, reward).velocity(np)(one(z), one(t))
    printed = K.flow_td_target(one(reward), one(1), field(one(z), one(t)))
    right = K.bellman_flow_target(one(reward), one(1), one(z), one(t), field)
    return Measured(float(truth[0, 0]), float(printed[0, 0]), float(right[0, 0]))


def same_bonus(value: float = -2.0) -> Measured:
    """Soft value at τ = 1 of a return that is always `value`, read off the learned N(value, 1) and off its samples."""
    draws = np.random.default_rng(0).standard_normal((50, 4000)) + value
    sampled = K.logsumexp_q(draws, 1.0)
    certain = K.logsumexp_q(np.full((50, 1), value), 1.0)
    return Measured(
        value, value + 0.5, float(certain[0]), {"mean": float(sampled.mean() - value), "std": float(sampled.std())}
    )


def log_sum(samples: float = 50, tau: float = 1.0) -> Measured:
    """Soft value of N returns that are all 2."""
    n = round(samples)
    right = K.logsumexp_q(np.full((n, 1), 2.0), tau)
    return Measured(2.0, float(2 + tau * np.log(n)), float(right[0]))


def extra_step(steps: float = 10) -> Measured:
    """Where the unit velocity leads from 0."""
    M = round(steps)
    right = K.euler(lambda x, t: 0 * x + 1, one(0.0), M)
    return Measured(1.0, (M + 1) / M, float(right[0, 0]))


def reward_count(horizon: float = 5) -> Measured:
    """Rewards of 1 that an episode of H steps collects."""
    H = round(horizon)
    rewards = np.ones((1, H))
    ends = np.zeros((1, H))
    total, _, _ = K.chunk_return(rewards, 1 - ends, ends, 1.0)
    return Measured(float(H), float(len(range(H + 1))), float(np.ravel(total)[0]))


def stochastic_theorem(eta: float = 1.0) -> Measured:
    """Q* of an action after which the return is 0 or 1 by a fair coin: eq. 4, and eq. 22."""
    printed = float(K.logsumexp_q(np.array([[0.0], [1.0]]), eta)[0])
    values = [float(K.logsumexp_q(np.array([[z]]), eta)[0]) for z in (0.0, 1.0)]
    return Measured(0.5, printed, float(np.mean(values)))


def chunk_sum(start: float = 100, length: float = 5) -> Measured:
    """Sum of the rewards r_t..r_{t+k-1} where r_t = t, as in eq. 41 and eq. 43."""
    t, k = round(start), round(length)
    rewards = np.arange(1000.0)
    zeros = np.zeros((1, k))
    right, _, _ = K.chunk_return(rewards[None, t : t + k], zeros + 1, zeros, 1.0)
    shifted = float(sum(rewards[t + i] for i in range(1, k + 1)))
    truth = k * t + k * (k - 1) / 2
    return Measured(truth, float(rewards[1 : t + k].sum()), float(np.ravel(right)[0]), {"shifted": shifted})
