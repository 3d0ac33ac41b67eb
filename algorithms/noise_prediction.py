"""Diffusion policies that predict noise: embeddings of the step, the schedule at a step, cloning, samplers' fields.

Steps run from T (noise) to 1; ᾱ_i = exp(-b_min i/T - ½ (b_max - b_min) i²/T²) is the product of `vp_schedule`'s α.
"""

import math
from collections.abc import Callable
from typing import Any

from ..core.algorithm import Array
from ..core.networks import Activation, Head, Network

B_MIN, B_MAX = 0.1, 10.0


def noise_network(
    observation: int, action: int, embedding: int, hidden: tuple[int, ...], activation: Activation = "mish"
) -> Network:
    """Predicted noise ε(x, s, e) -> (..., action), e the embedded step."""
    inputs = (action, observation, embedding)
    return Network(inputs, hidden, (Head("noise", action),), activation=activation)


def step_network(features: int, hidden: tuple[int, ...], size: int, activation: Activation = "mish") -> Network:
    """Embedding (..., size) of the features of a step."""
    return Network((features,), hidden, (Head("embedding", size),), activation=activation)


def sinusoids(K: Any, t: Array, size: int) -> Array:
    """sin and cos of t (..., 1) at size/2 frequencies from 1 to 1e-4, geometrically (Vaswani et al. 2017)."""
    half = size // 2
    # Made where t is, in one piece: a number from the host would have the device wait. JAX's tracers have no device.
    index = K.xp.arange(half, dtype=t.dtype, device=getattr(t, "device", None))
    phases = t * K.xp.exp(-math.log(10_000.0) / max(half - 1, 1) * index)
    return K.xp.concat([K.xp.sin(phases), K.xp.cos(phases)], axis=-1)


def fourier_features(K: Any, t: Array, frequencies: Array) -> Array:
    """cos and sin of 2π f t for learnable frequencies (F,), (..., 2F)."""
    phases = 2.0 * math.pi * t * frequencies
    return K.xp.concat([K.xp.cos(phases), K.xp.sin(phases)], axis=-1)


def random_step(K: Any, uniform: Array, steps: int) -> Array:
    """Diffusion steps 1..T as floats, from uniform numbers of the same shape."""
    return K.xp.floor(uniform * steps) + 1.0


def alpha_bar(K: Any, step: Array, steps: int) -> Array:
    """ᾱ at steps (..., 1) given as floats."""
    part = step / steps
    return K.xp.exp(-B_MIN * part - 0.5 * (B_MAX - B_MIN) * K.xp.square(part))


def at(predict: Callable[..., Array], observations: Array) -> Callable[[Array, Array], Array]:
    """The field (x, step) -> noise that samplers call, for fixed observations."""
    return lambda x, step: predict(observations, x, step)


def along(predict: Callable[..., Array], observations: Array) -> Callable[[Array, Array], Array]:
    """The field of a sampler, whose step is the same in every row: a single one (1,), embedded once."""
    return lambda x, step: predict(observations, x, step[(0,) * (step.ndim - 1)])
