"""Temporal-difference targets, expectiles and returns of action chunks."""

import jax.numpy as jnp
from jax import Array, lax

from ...core.contract import kernel
from .routing import Scalar, arrays, constant, frozen


@kernel
def ensemble_mean(q: Array) -> Array:
    """mean_K q."""
    (q,) = arrays(q)
    return jnp.mean(q, axis=0)


@kernel
def ensemble_min(q: Array) -> Array:
    """min_K q."""
    (q,) = arrays(q)
    return jnp.min(q, axis=0)


@kernel
def ensemble_lower_bound(q: Array, rho: Scalar) -> Array:
    """mean_K q - rho √(mean_K (q - mean_K q)²): the population standard deviation, with a finite gradient at 0."""
    (q,) = arrays(q)
    return _lower_bound(q, constant(rho, q))


def _lower_bound(q: Array, rho: Array) -> Array:
    # Measured from the first member, members that agree have a spread of exactly zero.
    apart = q - lax.stop_gradient(q[:1])
    variance = jnp.mean(jnp.square(apart - jnp.mean(apart, axis=0)), axis=0)
    spread = variance > 0
    std = jnp.where(spread, jnp.sqrt(jnp.where(spread, variance, 1)), 0)
    return jnp.mean(q, axis=0) - rho * std


@kernel
def td_target_pessimistic(q_next: Array, reward: Array, discount: Scalar, mask: Array, rho: Scalar) -> Array:
    """r + discount · mask · (mean_K q_next - rho std_K q_next); no gradient to anything."""
    q_next, reward, mask = frozen(q_next, reward, mask)
    return reward + constant(discount, reward) * mask * _lower_bound(q_next, constant(rho, q_next))


@kernel
def td_target_min(q_next: Array, reward: Array, discount: Scalar, mask: Array) -> Array:
    """r + discount · mask · min_K q_next; no gradient to anything."""
    q_next, reward, mask = frozen(q_next, reward, mask)
    return reward + constant(discount, reward) * mask * jnp.min(q_next, axis=0)


@kernel
def expectile_loss(diff: Array, kappa: Scalar) -> Array:
    """kappa diff² where diff ≥ 0, (1-kappa) diff² below."""
    (diff,) = arrays(diff)
    kappa = constant(kappa, diff)
    return jnp.where(diff >= 0, kappa, 1 - kappa) * jnp.square(diff)


@kernel
def chunk_return(rewards: Array, masks: Array, terminals: Array, discount: Scalar) -> tuple[Array, Array, Array]:
    """Return, bootstrap mask and validity of a window of h steps.

    valid_0 = 1, valid_k = 1 - max(terminals[<k]); return = Σ_k γ^k r_k valid_k; mask = min of masks_k over
    valid k; valid = valid_{h-1}.
    """
    rewards, masks, terminals = frozen(rewards, masks, terminals)
    ended = lax.cummax(terminals[..., :-1], axis=terminals.ndim - 1)
    valid = jnp.concatenate([jnp.ones_like(rewards[..., :1]), 1 - ended], axis=-1)
    weights = constant(discount, rewards) ** jnp.arange(rewards.shape[-1])
    mask = jnp.min(jnp.where(valid > 0, masks, jnp.inf), axis=-1)
    return jnp.sum(weights * rewards * valid, axis=-1), mask, valid[..., -1]


@kernel
def advantage_weight(advantage: Array, inv_temp: Scalar, maximum: Scalar = 100.0) -> Array:
    """min(exp(inv_temp · advantage), maximum), without overflow; no gradient to anything."""
    (advantage,) = frozen(advantage)
    maximum = constant(maximum, advantage)
    exponent = constant(inv_temp, advantage) * advantage
    return jnp.minimum(jnp.exp(jnp.minimum(exponent, jnp.log(maximum) + 1)), maximum)
