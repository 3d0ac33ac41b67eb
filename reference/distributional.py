"""Distributional values carried by a flow over returns, and selection by soft values (EVOR)."""

import math

import numpy as np

from .precision import Array, Field, Scalar, empty, evaluate, in_float64


@in_float64
def flow_td_target(reward: Array, discount: Array, s_next: Array) -> Array:
    """EVOR's target velocity as printed; `discount` carries gamma and the terminal mask.

        r + g s_next

    Args:
        reward: r `(..., 1)`.
        discount: g in [0, 1], `(..., 1)`.
        s_next: velocity of the next return `(..., 1)`.

    Returns:
        target `(..., 1)`; no gradient to anything.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: EVOR eq. 19 (the paper omits discount and mask).
    """
    target = np.empty(reward.shape)
    for b in np.ndindex(reward.shape):
        # r + g s_next
        target[b] = reward[b] + discount[b] * s_next[b]
    return target


@in_float64
def bellman_flow_target(reward: Array, discount: Array, z_t: Array, t: Array, next_field: Field) -> Array:
    """The velocity of Z = r + g Z' written through the velocity of Z'; exact for every law of Z'.

        k = 1-t+t g,   y = (z_t - t r)/k,   w = t g/k
        target = r + (g-1) y + (g/k) next_field(y, w);   at g = 0: r - z0

    Args:
        reward: r `(..., 1)`.
        discount: g in [0, 1], `(..., 1)`.
        z_t: point of the return's path `(..., 1)`.
        t: time in [0, 1), `(..., 1)`.
        next_field: velocity of the next return, called at (y, w).

    Returns:
        target `(..., 1)`; no gradient to anything.

    Raises:
        ContractError: an argument, or what the field returned, outside the contract.

    Source: veloq; EVOR eqs. 17-20 made consistent.

    >>> half = np.full((1, 1), 0.5)
    >>> print(bellman_flow_target(half, 0.0 * half, half, half, lambda y, w: y))
    [[0.]]
    """
    k, y, w = np.empty(t.shape), np.empty(t.shape), np.empty(t.shape)
    for b in np.ndindex(t.shape):
        # z_t = (1-t) z0 + t (r + g z') = t r + k ((1-w) z0 + w z'): a point of the next path, scaled by k
        k[b] = 1.0 - t[b] + t[b] * discount[b]
        y[b] = (z_t[b] - t[b] * reward[b]) / k[b]
        w[b] = t[b] * discount[b] / k[b]
    s_next = evaluate("bellman_flow_target", "next_field", next_field, z_t.shape, y, w).real
    target = np.empty(z_t.shape)
    for b in np.ndindex(t.shape):
        # d z_t/dt = r + (g-1) y + (g/k) s_next(y, w)
        target[b] = reward[b] + (discount[b] - 1.0) * y[b] + discount[b] / k[b] * s_next[b]
    return target


@in_float64
def logsumexp_q(returns: Array, temperature: Scalar, axis: int = 0) -> Array:
    """Soft value of sampled returns along `axis`, safe for returns of any size.

        temperature · log mean exp(returns/temperature)

    Args:
        returns: samples `(N, ...)`.
        temperature: > 0.
        axis: the axis of the samples.

    Returns:
        q `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or temperature ≤ 0.

    Source: EVOR eq. 39.

    >>> print(logsumexp_q(np.array([[1e6], [1e6]]), 0.1))
    [1000000.]
    """
    samples = np.moveaxis(returns, axis, 0)
    tau = float(temperature)
    q = empty(samples.shape[1:], samples)
    for b in np.ndindex(q.shape):
        largest = max(float(sample[b].real) for sample in samples)
        # τ log (1/N) Σ e^{z/τ} = M + τ log (1/N) Σ e^{(z-M)/τ},  M the largest
        total = 0.0
        for sample in samples:
            total = total + np.exp((sample[b] - largest) / tau)
        q[b] = largest + tau * np.log(total / len(samples))
    return q


@in_float64
def softmax_select(q: Array, temperature: Scalar, gumbel: Array) -> Array:
    """Index drawn from softmax(q/temperature) over axis 0, given standard Gumbel noise.

        argmax_n (q_n + temperature · gumbel_n)

    Args:
        q: values `(N, ...)`.
        temperature: > 0.
        gumbel: standard Gumbel draws `(N, ...)`.

    Returns:
        index `(...)`, int64.

    Raises:
        ContractError: an argument of another shape or dtype, or temperature ≤ 0.

    Source: EVOR section 3.3; Gumbel 1954.
    """
    index = np.zeros(q.shape[1:], dtype=np.int64)
    for b in np.ndindex(index.shape):
        # argmax_n (q_n + temperature · gumbel_n)
        index[b] = _first_largest([float(q[(n, *b)] + temperature * gumbel[(n, *b)]) for n in range(len(q))])
    return index


@in_float64
def best_of_n(candidates: Array, q: Array) -> Array:
    """The candidate action with the largest value; the first of equals.

        candidates[argmax_n q_n]

    Args:
        candidates: actions `(N, ..., A)`.
        q: their values `(N, ...)`; no gradient.

    Returns:
        action `(..., A)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: DOAL eq. 9; QC.

    >>> print(best_of_n(np.array([[0.1], [0.2], [0.3]]), np.array([1.0, 5.0, 5.0])))
    [0.2]
    """
    action = empty(candidates.shape[1:], candidates)
    for b in np.ndindex(q.shape[1:]):
        best = _first_largest([float(q[(n, *b)]) for n in range(len(q))])
        action[b] = candidates[(best, *b)]
    return action


def _first_largest(values: list[float]) -> int:
    best, largest = 0, -math.inf
    for n, value in enumerate(values):
        if value > largest:
            best, largest = n, value
    return best
