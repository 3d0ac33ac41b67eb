"""A draw from a softmax by the Gumbel trick, from uniform numbers."""

from typing import Any

from ..core.algorithm import Array

SMALLEST = 1e-7  # distance that uniforms keep from 0 and 1, so that -log(-log u) is finite


def softmax_draw(K: Any, candidates: Array, q: Array, temperature: float, weight: float, uniform: Array) -> Array:
    """One of the candidates (N, ..., A), with probability ∝ exp(weight q / temperature), q (N, ...).

    The largest of weight q - temperature log(-log u); at temperature 0 the best, at weight 0 any.
    `uniform` (..., N) holds a uniform number for each candidate.
    """
    u = K.xp.clip(K.xp.moveaxis(uniform, -1, 0), SMALLEST, 1.0 - SMALLEST)
    gumbel = -K.xp.log(-K.xp.log(u))
    return K.best_of_n(candidates, weight * q + temperature * gumbel)
