"""Every kernel that is a formula, against the same mathematics written another way and evaluated at 40 digits: ORA."""

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.calls import compiled, on_backend, runner, statics
from veloq.verification.check import counted, covers
from veloq.verification.profiles import examples
from veloq.verification.strategies import LAYOUTS, Case, cases

Digits = Any  # an object array of mpmath numbers
DIGITS = 40
SIZES = (LAYOUTS[0], LAYOUTS[3], LAYOUTS[5])  # differ in everything; each is one compilation in JAX

exp, log, sqrt, tanh, cosh, acos, cos, sin, tan, expm1 = (
    np.frompyfunc(function, 1, 1)
    for function in (
        *(mpmath.exp, mpmath.log, mpmath.sqrt, mpmath.tanh, mpmath.cosh),
        *(mpmath.acos, mpmath.cos, mpmath.sin, mpmath.tan, mpmath.expm1),
    )
)
npdf, minimum = np.frompyfunc(mpmath.npdf, 3, 1), np.frompyfunc(min, 2, 1)
number = np.frompyfunc(mpmath.mpf, 1, 1)


def squares(difference: Digits) -> Digits:
    """Mean of squares over the last axis."""
    return (difference * difference).sum(axis=-1) / difference.shape[-1]


def turned(real: Digits, imaginary: Digits, angle: Digits) -> tuple[Digits, Digits]:
    """Real and imaginary part of (real + i imaginary) e^{i angle}."""
    c, s = cos(angle), sin(angle)
    return real * c - imaginary * s, real * s + imaginary * c


def vp_schedule(steps: int, b_min: Digits, b_max: Digits) -> tuple[Digits, ...]:
    """From ᾱ(u) = exp(-b_min u - (b_max - b_min) u²/2) at u = i/T, of which QAM's eqs. 46-47 are the ratios."""
    u = number(np.arange(steps + 1.0)) / steps
    depth = b_min * u + (b_max - b_min) * u * u / 2
    drop = depth[1:] - depth[:-1]
    return -expm1(-drop), exp(-drop), exp(-depth[1:])


def adjoint_matching_loss(v: Digits, v_base: Digits, gs: Digits) -> Digits:
    """Σ (2 d + s² g)²/s² with s_i² = 2 (T-i+1)/(i+1)."""
    T = len(v)
    variance = number(2 * (T + 1.0 - np.arange(T))) / number(1.0 + np.arange(T))
    variance = variance.reshape(T, *(1,) * (v.ndim - 1))
    return ((2 * (v - v_base) + variance * gs[:-1]) ** 2 / variance).sum(axis=(0, -1))


def batch_normalized_target(a: Digits, grad: Digits, delta: Digits) -> Digits:
    """The shift times the number of samples over the sum of norms; nothing where all norms are zero."""
    norms = sqrt((grad * grad).sum(axis=-1))
    total = np.sum(norms)
    return a + (grad * delta * np.size(norms) / total if total else 0 * grad)


def spread(q: Digits) -> Digits:
    """Population standard deviation from all pairwise differences: K² var = Σ_{j<k} (q_j - q_k)²."""
    pairs = (q[:, None] - q[None, :]) ** 2
    return sqrt(pairs.sum(axis=(0, 1)) / 2) / len(q)


def pessimistic(q: Digits, rho: Digits) -> Digits:
    """Mean minus rho standard deviations."""
    return q.sum(axis=0) / len(q) - rho * spread(q)


def tanh_normal(mean: Digits, log_std: Digits, noise: Digits) -> tuple[Digits, Digits]:
    """The normal density of u times cosh² u = 1/(1 - tanh² u)."""
    u = mean + exp(log_std) * noise
    return tanh(u), log(npdf(u, mean, exp(log_std)) * cosh(u) ** 2).sum(axis=-1)


def guided_velocity(v_base: Digits, grad: Digits, x: Digits, t: Digits, inv_temp: Digits, weight: Digits) -> Digits:
    """Terms of weight apart; times are positive here."""
    return v_base + weight * x / t + weight * inv_temp * grad * (1 / t - 1)


def linex_loss(q: Digits, target: Digits, inv_temp: Digits, maximum: Digits) -> Digits:
    """By cases."""
    delta = inv_temp * (target - q)
    return np.where(delta <= maximum, exp(delta) + inv_temp * q, delta)


def ddpm_mean(denoised: Digits, x: Digits, beta: Digits, alpha_bar: Digits, alpha_bar_next: Digits) -> Digits:
    """Ho et al. eq. 7."""
    share = sqrt(alpha_bar_next) * beta * denoised + sqrt(1 - beta) * (1 - alpha_bar_next) * x
    return share / (1 - alpha_bar)


def ddpm_step(
    denoised: Digits, x: Digits, noise: Digits, beta: Digits, alpha_bar: Digits, alpha_bar_next: Digits
) -> Digits:
    """Variance β."""
    return ddpm_mean(denoised, x, beta, alpha_bar, alpha_bar_next) + sqrt(beta) * noise


def ddpm_posterior_step(
    denoised: Digits, x: Digits, noise: Digits, beta: Digits, alpha_bar: Digits, alpha_bar_next: Digits
) -> Digits:
    """Variance β (1-ᾱ')/(1-ᾱ)."""
    wide = ddpm_step(denoised, x, 0 * noise, beta, alpha_bar, alpha_bar_next)
    return wide + sqrt(beta * (1 - alpha_bar_next) / (1 - alpha_bar)) * noise


def ddim_step(denoised: Digits, x: Digits, alpha_bar: Digits, alpha_bar_next: Digits) -> Digits:
    """On the circle: ᾱ = cos² of an angle, whose sine is the noise's share."""
    here, there = acos(sqrt(alpha_bar)), acos(sqrt(alpha_bar_next))
    return cos(there) * denoised + sin(there) * (x - cos(here) * denoised) / sin(here)


ORACLES: Mapping[str, Callable[..., Any]] = {
    "linear_path": lambda x0, x1, t: (x0 + t * (x1 - x0), x1 - x0),
    "flow_matching_loss": lambda v, x0, x1: squares(v + x0 - x1),
    "trigflow_path": lambda x0, x1, angle: turned(x1, x0, -angle),
    "trigflow_denoise": lambda F, x, angle: turned(x, F, angle)[0],
    "vp_path": lambda x1, noise, alpha_bar: turned(x1, -noise, acos(sqrt(alpha_bar)))[0],
    "ddpm_loss": lambda prediction, noise: squares(noise - prediction),
    "vp_schedule": vp_schedule,
    "memoryless_sigma": lambda t, h: exp(log((2 + 2 * h - 2 * t) / (t + h)) / 2),
    "logit_normal": lambda normals, mean, std: (1 + tanh((mean + std * normals) / 2)) / 2,
    "vp_denoise": lambda epsilon, x, alpha_bar: x / sqrt(alpha_bar) - epsilon * tan(acos(sqrt(alpha_bar))),
    "ddpm_mean": ddpm_mean,
    "ddpm_step": ddpm_step,
    "ddpm_posterior_step": ddpm_posterior_step,
    "ddim_step": ddim_step,
    "adjoint_matching_loss": adjoint_matching_loss,
    "batch_normalized_target": batch_normalized_target,
    "ensemble_mean": lambda q: sum(q) / len(q),
    "ensemble_min": lambda q: minimum.reduce(q),
    "ensemble_lower_bound": pessimistic,
    "td_target_pessimistic": lambda q_next, reward, discount, mask, rho: (
        reward + discount * mask * pessimistic(q_next, rho)
    ),
    "td_target_min": lambda q_next, reward, discount, mask: reward + discount * mask * minimum.reduce(q_next),
    "expectile_loss": lambda diff, kappa: abs(kappa - (diff < 0)) * diff * diff,
    "advantage_weight": lambda advantage, inv_temp, maximum: exp(minimum(inv_temp * advantage, log(maximum))),
    "flow_td_target": lambda reward, discount, s_next: discount * s_next + reward,
    "logsumexp_q": lambda returns, temperature, axis: (
        temperature * log(exp(returns / temperature).sum(axis=axis) / returns.shape[axis])
    ),
    "guided_velocity": guided_velocity,
    "linex_loss": linex_loss,
    "qsm_target": lambda grad, inv_temp: -grad * inv_temp,
    "dac_target": lambda noise, grad, alpha_bar, eta: noise - sin(acos(sqrt(alpha_bar))) * grad / eta / 2,
    "tanh_normal": tanh_normal,
    "gaussian_log_prob": lambda x, mean, log_std: log(npdf(x, mean, exp(log_std))).sum(axis=-1),
    "entropy_temperature_loss": lambda log_temp, log_prob, target_entropy: -exp(log_temp) * (log_prob + target_entropy),
}
# Formulas of comparisons alone, which their own checks hold to the last bit.
COMPARISONS = {"chunk_return", "meanflow_times", "softmax_select", "best_of_n"}


@covers("ORA", "every kernel without a callable has an oracle of 40 digits, or is a comparison checked to the last bit")
def test_no_formula_is_left_out() -> None:
    formulas = {
        name for name, spec in SPECS.items() if all(arg.kind in ("array", "scalar", "integer") for arg in spec.args)
    }
    assert formulas == set(ORACLES) | COMPARISONS


@pytest.mark.parametrize("name", ORACLES)
@covers("ORA", "every kernel that is a formula equals mpmath at 40 digits, on ends, ties, tiny and uniform arguments")
def test_against_forty_digits(backend: Backend, name: str) -> None:
    spec = SPECS[name]

    @given(case=cases(spec, SIZES))
    @settings(max_examples=examples(20))
    @counted
    def agrees(case: Case) -> None:
        run = (compiled if backend.name == "jax" else runner)(backend, name, statics(case))
        results = run(on_backend(backend, case))
        with mpmath.workdps(DIGITS):
            exact = ORACLES[name](**{key: number(value) for key, value in case.tree.items()}, **case.integers)
        for out, actual, wanted in zip(spec.returns, results, exact if len(results) > 1 else [exact], strict=True):
            wanted = np.broadcast_to(np.asarray(wanted, dtype=np.float64), tuple(actual.shape))
            assert_close(backend.numpy(actual), wanted, spec.tolerance, f"{name}: {out.name}")

    agrees()
