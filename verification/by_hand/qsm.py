"""QSM once more, from eqs. 48-52 with the released sign and sampler."""

import math
from collections.abc import Mapping
from typing import Any

from . import dac
from .parts import Array, Forest, Situation, clipped

READS = dac.READS
RECORD = dac.RECORD._replace(defaults={**dac.RECORD.defaults, "bc_weight": 30.0, "inv_temp": 3.0})


def sampled(held: Forest, s: Array, start: Array, noises: Array) -> Array:
    """From i = T to 1: the data that the noise leaves, with noise of variance β_i but at the last, clipped."""
    T = len(noises) + 1
    beta, levels = dac.schedule(T)
    x = start
    for i in range(T, 0, -1):
        x = dac.denoised(held, s, x, i, levels[i])
        if i > 1:
            x = x + math.sqrt(beta[i - 1]) * noises[T - i]
        x = clipped(x)
    return x


def loss(here: Situation) -> tuple[Array, dict[str, Array]]:
    """Eqs. 50 and 52."""
    after = sampled(here.held, here.batch.next_observations, here.noise["next_start"], here.noise["next_steps"])
    prediction, ascent, _ = dac.actor_terms(here)
    matching = (prediction + here.config.inv_temp * ascent) ** 2
    return dac.total(here, after, matching + here.config.bc_weight * (prediction - here.noise["diffused"]) ** 2)


def act(config: Any, held: Forest, target: Forest, s: Array, noise: Mapping[str, Array]) -> Array:
    """One sample from z and the steps' noise (..., T-1, A)."""
    return dac.acting(sampled, held, s, noise)
