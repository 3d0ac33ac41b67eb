"""The engines compute in the precision that they were asked for, and act as trained unless asked otherwise."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from veloq.core.algorithm import Update
from veloq.core.errors import UsageError
from veloq.core.networks import initial_parameters
from veloq.verification.assertions import assert_close
from veloq.verification.backends import Backend
from veloq.verification.check import check
from veloq.verification.probes import PROBE, WINDOW, Config, act_by_hand
from veloq.verification.windows_by_hand import SIZES, TRANSITIONS

CONFIG = Config(batch_size=4, chunk=3, hidden=(4,))


@pytest.mark.parametrize("precision", ["highest", "fast"])
@check("ENGINE", "the precision asked for is in force while losses and actions are computed, and no longer")
def test_precision(framework: Backend, precision: str) -> None:
    """On a CPU torch has bfloat16 products in place of TF32 ones."""
    seen = []

    def loss(K: Any, config: Any, models: Any, batch: Any, noise: Any) -> Any:
        seen.append(products(framework))
        return K.xp.square(models.online.number()), {}

    def act(K: Any, config: Any, models: Any, observations: Any, noise: Any) -> Any:
        seen.append(products(framework))
        return observations

    method = replace(WINDOW, updates=(Update("number", loss, ("number",)),), act=act)
    before = products(framework)
    build = framework.engine.Engine
    trainer = build(method, CONFIG, SIZES, TRANSITIONS, (0,), precision=precision, device=framework.device)
    state, _ = trainer.run(trainer.initial(), 1)
    trainer.act(state, np.zeros((1, 1, SIZES.observation), np.float32), {})
    fast = {"jax": "tensorfloat32", "torch": "high" if framework.device == "cuda" else "medium"}
    assert len(seen) >= 2
    assert set(seen) == {fast[framework.name] if precision == "fast" else "highest"}
    assert products(framework) == before


def products(framework: Backend) -> str:
    """The precision of float32 matrix products in force."""
    if framework.name == "jax":
        import jax

        flag = "jax_default_matmul_precision"  # no attribute that type checkers know
        return str(getattr(jax.config, flag))
    import torch

    return torch.get_float32_matmul_precision()


@check("ENGINE", "a precision that does not exist is refused by name")
def test_unknown_precision(framework: Backend) -> None:
    with pytest.raises(UsageError, match="precision"):
        framework.engine.Engine(WINDOW, CONFIG, SIZES, TRANSITIONS, (0,), precision="medium", device=framework.device)


@check("ENGINE", "`policy` acts as trained unless `behaviour` is asked for")
def test_policy_by_default(backend: Backend) -> None:
    drawn = initial_parameters(PROBE.declared(CONFIG, SIZES), 0)
    online = {name: {key: np.float64(value) for key, value in tree.items()} for name, tree in drawn.items()}
    target = {name: online[name] for name in PROBE.averages}
    s, z = np.random.default_rng(0).standard_normal((2, 5, 3))
    acted = backend.engine.policy(PROBE, CONFIG, SIZES, online, target)(s[:, : SIZES.observation], {"z": z})
    assert_close(np.asarray(acted), act_by_hand(CONFIG, online, target, s[:, : SIZES.observation], z), "network")
