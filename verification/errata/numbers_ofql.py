"""Numbers behind the errata of OFQL."""

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtri

from ... import reference as K
from .numbers_qam import one
from .row import Measured

# Table 1, MuJoCo, as printed: OFQL's and DQL's nine scores.
OFQL = (95.2, 110.2, 113.0, 63.8, 103.6, 87.4, 51.2, 101.9, 106.2)


def ratio(share: float = 0.75) -> Measured:
    """Share of the batch with r = t."""
    draws = np.random.default_rng(0).standard_normal((2, 400, 1))
    t, r = K.meanflow_times(K.logit_normal(draws[0]), K.logit_normal(draws[1]), share)
    return Measured(int(share * 400) / 400, 1 - share, float(np.mean(t == r)))


def table_average() -> Measured:
    """Mean of Table 1's nine MuJoCo scores."""
    return Measured(float(np.mean(OFQL)), 92.6, float(np.mean(OFQL)))


def tied_times(mean: float = -0.4, std: float = 1.0) -> Measured:
    """Mean of the time, in the paper's direction, of rows with r = t: of the larger of two draws, or of one."""
    nodes, weights = hermegauss(200)
    weights = weights / weights.sum()
    one_draw = 1 / (1 + np.exp(-(mean + std * nodes)))
    single = float(weights @ one_draw)
    grid = (np.arange(2000) + 0.5) / 2000
    values = 1 / (1 + np.exp(-(mean + std * ndtri(grid))))
    # the larger of two: quantile q has density 2 q
    larger = float(np.mean(2 * grid * values))
    draws = np.random.default_rng(0).standard_normal((2, 20000, 1))
    t, _ = K.meanflow_times(K.logit_normal(draws[0], mean, std), K.logit_normal(draws[1], mean, std), 1.0)
    return Measured(larger, single, float(1 - t.mean()))


def endpoint_bump(width: float = 0.05) -> Measured:
    """Squared W2 of a policy shifted by one through a bump at (r, t) = (0, 1), and its loss over App. B's times."""
    nodes, weights = hermegauss(150)
    weights = weights / weights.sum()
    times = 1 / (1 + np.exp(-(-0.4 + nodes)))
    t, r = np.maximum.outer(times, times), np.minimum.outer(times, times)
    bump = np.exp(-((r / width) ** 2 + ((1 - t) / width) ** 2))
    loss = float(weights @ bump**2 @ weights)
    moved = K.meanflow_sample(lambda x, t, r: 0 * x + 1.0, one(0.3)) - K.meanflow_sample(
        lambda x, t, r: 0 * x, one(0.3)
    )
    # with half of the pairs at (0, 1) the loss is at least half the squared distance
    return Measured(1.0, loss, min((0.5 + 0.5 * loss) / 0.5, float(moved[0, 0]) ** 2))


def amplification(steps: float = 5) -> Measured:
    """Error of the data estimate at the noisiest level for an error of one in the predicted noise."""
    bar = K.vp_schedule(round(steps))[2][-1]
    x = K.vp_denoise(one(1.0), one(0.0), one(bar)) - K.vp_denoise(one(0.0), one(0.0), one(bar))
    return Measured(float(np.sqrt(np.exp(5.05) - 1)), 1.0, float(abs(x[0, 0])), {"alpha_bar": float(bar)})


def posterior_variance(step: float = 2) -> Measured:
    """Std of the noise of a reverse step, T = 5."""
    k = round(step)
    beta, _, bar = K.vp_schedule(5)
    parts = one(beta[k - 1]), one(bar[k - 1]), one(bar[k - 2])
    exact = beta[k - 1] * (1 - bar[k - 2]) / (1 - bar[k - 1])
    kernel = K.ddpm_posterior_step(one(0.0), one(0.0), one(1.0), *parts)
    return Measured(float(np.sqrt(exact)), float(np.sqrt(beta[k - 1])), float(kernel[0, 0]))


def final_noise() -> Measured:
    """Std that the last reverse step puts on the action, T = 5."""
    beta, _, bar = K.vp_schedule(5)
    kernel = K.ddpm_posterior_step(one(0.0), one(0.0), one(1.0), one(beta[0]), one(bar[0]), one(1.0))
    return Measured(0.0, float(np.sqrt(beta[0])), float(kernel[0, 0]))
