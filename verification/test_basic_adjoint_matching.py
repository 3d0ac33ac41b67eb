"""BAM's backpropagation through the rollout is basic adjoint matching: ADJ-8."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings

from veloq.algorithms import ALGORITHMS
from veloq.core.algorithm import Batch, Metrics, Models, Noises, Update
from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.gaussian_cases import SEEDS
from veloq.verification.method_cases import method_case
from veloq.verification.profiles import examples
from veloq.verification.restatement import arguments


def matching_loss(K: Any, config: Any, models: Models, batch: Batch, noise: Noises) -> tuple[Any, Metrics]:
    """½ Σ_{i<T-1} ‖2 (f - f_β)/s_i + s_i g_{i+1}‖² along the rollout, with costates that end in -h τ ∇Q.

    The control objective that `basic_adjoint` differentiates has the running cost h ‖·‖²; BAM's is 1/h times one
    whose terminal value is h τ Q. The costate is that of a step's end, where the step's control acts.
    """
    s, T = batch.observations, config.flow_steps

    def fast(x: Any, t: Any) -> Any:
        return models.frozen.fast(s, x, t)

    def base(x: Any, t: Any) -> Any:
        return models.target.slow(s, x, t)

    def pessimistic(q: Any) -> Any:
        return K.ensemble_lower_bound(q, config.rho)

    xs = K.memoryless_sde(fast, base, noise["sde_start"], noise["sde"])
    slope = K.action_gradient(lambda a: models.frozen.critic(s, a), xs[-1], pessimistic)
    gs = K.basic_adjoint(fast, base, base, xs, -config.inv_temp / T * slope)
    total = 0.0
    for i in range(T - 1):
        t = K.xp.full_like(xs[0][..., :1], i / T)
        sigma = K.memoryless_sigma(t, 1.0 / T)
        error = 2.0 * (models.online.fast(s, xs[i], t) - base(xs[i], t)) / sigma + sigma * gs[i + 1]
        total = total + 0.5 * K.xp.mean(K.xp.sum(K.xp.square(error), axis=-1))
    return total, {}


MATCHING = Update("matching", matching_loss, ("fast",))


@given(seed=SEEDS)
@settings(max_examples=examples(6))
@check("ADJ-8", "BAM's gradient in f equals basic adjoint matching's, with g_T = -h tau grad(mean - rho std) Q")
def test_backpropagation_is_basic_adjoint_matching(backend: Backend, seed: int) -> None:
    case = method_case(ALGORITHMS["bam"], seed, flow_steps=4, critics=3, rho=0.7, inv_temp=2.5)
    matched = case._replace(algorithm=replace(case.algorithm, updates=(MATCHING,)))
    through, along = (
        backend.engine.loss_and_gradients(*arguments(each, update)).gradients["fast"]
        for each, update in ((case, "joint"), (matched, "matching"))
    )
    for name, value in along.items():
        assert_close(np.asarray(through[name]), np.asarray(value), "algorithm", f"gradient in {name}")
