"""Temporal-difference targets, expectiles and returns of action chunks."""

import math

import numpy as np

from .precision import Array, Scalar, empty, in_float64


@in_float64
def ensemble_mean(q: Array) -> Array:
    """Mean over ensemble members.

        mean_K q

    Args:
        q: values `(K, ...)`.

    Returns:
        value `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: QAM eq. 26.
    """
    value = empty(q.shape[1:], q)
    for b in np.ndindex(value.shape):
        value[b] = _mean([member[b] for member in q])
    return value


@in_float64
def ensemble_min(q: Array) -> Array:
    """Minimum over ensemble members.

        min_K q

    Args:
        q: values `(K, ...)`.

    Returns:
        value `(...)`; the gradient goes to the smallest member.

    Raises:
        ContractError: an argument of another shape or dtype.

    Source: DOAL section 2 (clipped double Q).
    """
    value = empty(q.shape[1:], q)
    for b in np.ndindex(value.shape):
        value[b] = _least([member[b] for member in q])
    return value


@in_float64
def ensemble_lower_bound(q: Array, rho: Scalar) -> Array:
    """Pessimistic value: mean minus rho population standard deviations; finite gradient where all agree.

        mean_K q - rho √(mean_K (q - mean_K q)²)

    Args:
        q: values `(K, ...)`.
        rho: pessimism, ≥ 0.

    Returns:
        value `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or rho < 0.

    Source: QAM eq. 26 (population std as released).

    >>> print(ensemble_lower_bound(np.array([[1.0], [3.0]]), 0.5))
    [1.5]
    """
    value = empty(q.shape[1:], q)
    for b in np.ndindex(value.shape):
        value[b] = _lower_bound([member[b] for member in q], float(rho))
    return value


@in_float64
def td_target_pessimistic(q_next: Array, reward: Array, discount: Scalar, mask: Array, rho: Scalar) -> Array:
    """Pessimistic temporal-difference target; no gradient to anything.

        r + discount · mask · (mean_K q_next - rho std_K q_next)

    Args:
        q_next: values of the next action `(K, ...)`.
        reward: `(...)`.
        discount: in [0, 1], of the whole chunk.
        mask: 0 where the future is worth nothing, `(...)`.
        rho: pessimism, ≥ 0.

    Returns:
        target `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or a number out of range.

    Source: QAM eq. 26 (population std as released; discount of the whole chunk, γ^h).
    """
    target = np.empty(reward.shape)
    for b in np.ndindex(reward.shape):
        pessimistic = _lower_bound([member[b] for member in q_next], float(rho))
        # r + discount · mask · (mean - rho std)
        target[b] = reward[b] + float(discount) * mask[b] * pessimistic
    return target


@in_float64
def td_target_min(q_next: Array, reward: Array, discount: Scalar, mask: Array) -> Array:
    """Clipped double-Q temporal-difference target; no gradient to anything.

        r + discount · mask · min_K q_next

    Args:
        q_next: values of the next action `(K, ...)`.
        reward: `(...)`.
        discount: in [0, 1].
        mask: 0 where the future is worth nothing, `(...)`.

    Returns:
        target `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or discount out of range.

    Source: Fujimoto et al. 2018; OFQL section 3.
    """
    target = np.empty(reward.shape)
    for b in np.ndindex(reward.shape):
        # r + discount · mask · min_K q_next
        target[b] = reward[b] + float(discount) * mask[b] * _least([member[b] for member in q_next])
    return target


@in_float64
def expectile_loss(diff: Array, kappa: Scalar) -> Array:
    """Asymmetric squared error.

        kappa diff² where diff ≥ 0, (1-kappa) diff² below

    Args:
        diff: target minus prediction `(...)`.
        kappa: in (0, 1).

    Returns:
        loss `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or kappa out of range.

    Source: RQL eq. 14; Kostrikov et al. 2022 eq. 5.
    """
    loss = empty(diff.shape, diff)
    for b in np.ndindex(diff.shape):
        # |kappa - 1(diff < 0)| diff²
        weight = abs(float(kappa) - (1.0 if diff[b].real < 0.0 else 0.0))
        loss[b] = weight * diff[b] * diff[b]
    return loss


@in_float64
def chunk_return(rewards: Array, masks: Array, terminals: Array, discount: Scalar) -> tuple[Array, Array, Array]:
    """Return, bootstrap mask and validity of a window of h steps that may cross an episode's end.

        valid_0 = 1,  valid_k = 1 - max(terminals[<k])
        return = Σ_k γ^k r_k valid_k,   mask = min of masks_k over valid k,   valid = valid_{h-1}

    Args:
        rewards: `(..., h)`.
        masks: 0 where the future is worth nothing, `(..., h)`.
        terminals: 1 on the last step of an episode, `(..., h)`.
        discount: γ in [0, 1].

    Returns:
        chunk_return, mask and valid, each `(...)`; no gradient to anything.

    Raises:
        ContractError: an argument of another shape or dtype, or discount out of range.

    Source: the released QAM sampler.

    >>> ones = np.ones((1, 3))
    >>> print(*chunk_return(ones, ones, np.array([[0.0, 1.0, 0.0]]), 0.5))
    [1.5] [1.] [0.]
    """
    batch, h = rewards.shape[:-1], rewards.shape[-1]
    returns, bootstrap, complete = np.empty(batch), np.empty(batch), np.empty(batch)
    for b in np.ndindex(batch):
        # R_0 = r_0, mask_0 = m_0, term_0 = terminals_0, valid_0 = 1
        total, mask, ended, valid = rewards[b][0], masks[b][0], terminals[b][0], 1.0
        for k in range(1, h):
            # valid_k = 1 - term_{k-1}
            valid = 1.0 - ended
            # term_k = max(term_{k-1}, terminals_k)
            ended = max(ended, terminals[b][k])
            # R_k = R_{k-1} + γ^k r_k valid_k
            total = total + float(discount) ** k * rewards[b][k] * valid
            # mask_k = min(mask_{k-1}, m_k) if valid_k else mask_{k-1}
            if valid:
                mask = min(mask, masks[b][k])
        returns[b], bootstrap[b], complete[b] = total, mask, valid
    return returns, bootstrap, complete


@in_float64
def advantage_weight(advantage: Array, inv_temp: Scalar, maximum: Scalar = 100.0) -> Array:
    """Capped exponential advantage weight, without overflow; no gradient to anything.

        min(exp(inv_temp · advantage), maximum)

    Args:
        advantage: `(...)`.
        inv_temp: inverse temperature, ≥ 0.
        maximum: cap, > 0.

    Returns:
        weight `(...)`.

    Raises:
        ContractError: an argument of another shape or dtype, or a number out of range.

    Source: QAM eq. 73; Peng et al. 2019.
    """
    weight = np.empty(advantage.shape)
    for b in np.ndindex(advantage.shape):
        # min(e^y, maximum): the cap is reached where y ≥ log maximum
        exponent = float(inv_temp) * float(advantage[b])
        capped = exponent >= math.log(float(maximum))
        weight[b] = float(maximum) if capped else math.exp(exponent)
    return weight


def _mean(members: list[complex]) -> complex:
    return sum(members) / len(members)


def _least(members: list[complex]) -> complex:
    least = members[0]
    for member in members[1:]:
        if member.real < least.real:
            least = member
    return least


def _lower_bound(members: list[complex], rho: float) -> complex:
    mean = _mean(members)
    # The root has no derivative at zero; where all agree the spread counts as constant.
    if all(member.real == members[0].real for member in members):
        return mean
    # mean_K q - rho √(mean_K (q - mean_K q)²)
    variance = _mean([(member - mean) * (member - mean) for member in members])
    bound: complex = mean - rho * np.sqrt(variance)
    return bound
