"""What the benchmarks compare with computes the same thing: kernels by hand, updates in the released style."""

import jax
import numpy as np
import pytest
from small_runs import small_values

from veloq.algorithms import ALGORITHMS
from veloq.backends.jax.batches import draw_starts, keys
from veloq.backends.jax.engine import find_device
from veloq.bench.bare import bare
from veloq.bench.control import control
from veloq.bench.runners import HAND, RUNNERS
from veloq.bench.sizes import METHODS, advanced, problem
from veloq.core.rows import SPECS
from veloq.verification.assertions import assert_close


@pytest.mark.parametrize("backend", RUNNERS)
@pytest.mark.parametrize("name", HAND)
def test_a_kernel_by_hand_returns_what_the_kernel_returns(name, backend):
    spec, run = SPECS[name], RUNNERS[backend]
    assert_close(run(spec, False, by_hand=True)(), run(spec, False)(), spec.tolerance, name, "float32")


def small(method):
    values = small_values(ALGORITHMS[method])
    return problem(method, "quick", rows=2000, **values)


def starts_of(backend, chosen):
    """The window starts that the engine's seed 0 draws at each step."""
    engine = chosen.engine(backend, 1)
    if backend == "torch":
        ranges = [(len(chosen.data.rewards) - chosen.config.chunk + 1, chosen.config.batch_size)]

        def drawn(step):
            engine._draws.begin(step)
            return engine._draws.draw(ranges, engine._experience.data)[0].numpy()

        return drawn
    count = len(chosen.data.rewards) - chosen.config.chunk + 1
    key = keys((0,), find_device("cpu"))[0]
    return lambda step: np.asarray(draw_starts(jax.random.fold_in(key, step), chosen.config.batch_size, count))


# The control knows no method by name; for JAX, which compiles each twice, one with every kind of schedule suffices.
@pytest.mark.parametrize(
    ("method", "backend"), [*((method, "torch") for method in METHODS), ("qam", "jax"), ("rebrac", "jax")]
)
def test_the_control_computes_the_update_of_the_engine(method, backend):
    chosen = small(method)
    engine = chosen.engine(backend, 1)
    state, _ = engine.run(advanced(engine, chosen.begun()), 3)
    flat = engine.export(state)
    online = control(chosen, backend, starts_of(backend, chosen))(3)
    for network, tree in online.items():
        for name, value in tree.items():
            assert_close(value, flat[f"online/{network}/{name}"][0], "network", f"{network}/{name}", "float32")


@pytest.mark.parametrize(("method", "backend"), [("rebrac", "torch"), ("rebrac", "jax")])
def test_the_bare_update_is_the_engines_on_its_first_batch(method, backend):
    """Its step counts on, so that every loss is trained when it is due."""
    chosen = small(method)
    engine = chosen.engine(backend, 1)
    begun = advanced(engine, chosen.begun())
    if backend == "torch":
        draw = engine._sample
        engine._sample = lambda step: draw(0)
        flat = engine.export(engine.run(begun, 3)[0])["online/critic/hidden_0.kernel"][0]
        found = bare(chosen, backend)(3).online["critic"]["hidden_0.kernel"][0]
    else:
        flat = engine.export(engine.run(begun, 1)[0])["online/critic/hidden_0.kernel"][0]
        found = bare(chosen, backend)(1).online["critic"]["hidden_0.kernel"]
    assert_close(np.asarray(found), flat, "network", method, "float32")
