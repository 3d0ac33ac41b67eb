"""The solvers on random networks against other people's: diffrax's fixed-step schemes and adaptive integrators: ORA."""

import functools
import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from veloq.verification.assertions import assert_at_most, assert_close
from veloq.verification.backends import BACKENDS, Array, Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField, on, velocity
from veloq.verification.gaussian_cases import fast, normals
from veloq.verification.profiles import examples

Values = NDArray[np.float64]
SEEDS = st.integers(0, 2**31)
BATCH, ACTION = 5, 2
# Sixteen Runge-Kutta steps: largest error of an endpoint in 400 networks 2.9e-6, of the target's residual 4.0e-6.
RUNGE_KUTTA = 3e-5
SCHEMES = {"euler": "Euler", "midpoint": "Midpoint", "heun": "Heun"}
needs_diffrax = pytest.mark.skipif(
    importlib.util.find_spec("diffrax") is None, reason="missing: diffrax is not installed: pip install diffrax"
)


@functools.cache
def diffrax_endpoint(scheme: str, steps: int, backwards: bool) -> Any:
    """diffrax's endpoint of (weights, x) by one of its fixed-step schemes, or by Dopri8 at 1e-13 for `steps` = 0."""
    import diffrax
    import jax
    import jax.numpy as jnp

    def term(t: Any, x: Any, weights: Any) -> Any:
        return velocity(jnp, weights, x, t)

    start, end = (1.0, 0.0) if backwards else (0.0, 1.0)
    controller: Any
    if steps:
        controller, first = diffrax.StepTo(ts=jnp.linspace(start, end, steps + 1)), None
    else:
        controller, first = diffrax.PIDController(rtol=1e-13, atol=1e-13), 0.01
    solver = getattr(diffrax, scheme)()

    def endpoint(weights: Any, x: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(term), solver, start, end, first, x, args=weights, stepsize_controller=controller
        )
        return solution.ys[-1]

    return jax.jit(endpoint)


def by_diffrax(scheme: str, network: MLPField, x: Values, steps: int = 0, backwards: bool = False) -> Values:
    """`diffrax_endpoint` from NumPy to NumPy."""
    jax = BACKENDS["jax"]
    end = diffrax_endpoint(scheme, steps, backwards)(on(jax, network.weights, "float64"), jax.array(x))
    return np.asarray(jax.numpy(end))


def by_scipy(network: MLPField, x: Values, start: float = 0.0, end: float = 1.0) -> Values:
    """The flow from `start` to `end` by scipy's DOP853 at 1e-13."""

    def flat(t: float, state: Values) -> Values:
        return np.asarray(velocity(np, network.weights, state.reshape(x.shape), t)).ravel()

    solved = solve_ivp(flat, (start, end), x.ravel(), method="DOP853", rtol=1e-13, atol=1e-13)
    return np.asarray(solved.y[:, -1]).reshape(x.shape)


def drawn(seed: int) -> tuple[MLPField, Values]:
    """A random network and a batch of noise."""
    return MLPField(seed, ACTION), np.random.default_rng([seed, 1]).standard_normal((BATCH, ACTION))


def flowed(backend: Backend, solver: str, steps: int, weights: Any, x: Array) -> Array:
    """One of the solvers on a network."""
    return getattr(backend.K, solver)(lambda at, t: velocity(backend.xp, weights, at, t), x, steps)


def reversed_flow(backend: Backend, steps: int, weights: Any, x: Array) -> Array:
    """`reverse_euler` all the way to the noise."""
    start = backend.xp.zeros_like(x[..., :1])
    return backend.K.reverse_euler(lambda at, t: velocity(backend.xp, weights, at, t), x, start, steps)


@needs_diffrax
@pytest.mark.parametrize("solver", SCHEMES)
@given(seed=SEEDS, steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(20))
@check("ORA", "euler, midpoint and heun are diffrax's Euler, Midpoint and Heun to rounding, on random networks")
def test_solvers_are_diffrax(backend: Backend, solver: str, seed: int, steps: int) -> None:
    network, x = drawn(seed)
    ours = fast(backend, flowed, solver, steps)(on(backend, network.weights, "float64"), backend.array(x))
    assert_close(backend.numpy(ours), by_diffrax(SCHEMES[solver], network, x, steps), "recursion", f"{solver}")


@needs_diffrax
@given(seed=SEEDS, steps=st.sampled_from([1, 3, 10]))
@settings(max_examples=examples(20))
@check("ORA", "reverse_euler to the noise is diffrax's Euler with negative steps, on random networks")
def test_reversal_is_diffrax(backend: Backend, seed: int, steps: int) -> None:
    network, x = drawn(seed)
    ours = fast(backend, reversed_flow, steps)(on(backend, network.weights, "float64"), backend.array(x))
    assert_close(backend.numpy(ours), by_diffrax("Euler", network, x, steps, backwards=True), "recursion", "noise")


@needs_diffrax
@given(seed=SEEDS)
@settings(max_examples=examples(20))
@check("ORA", "scipy's DOP853 and diffrax's Dopri8, which judge the solvers, agree with each other to 1e-11")
def test_the_judges_agree(seed: int) -> None:
    network, x = drawn(seed)
    # Both at 1e-13 per step and some twenty steps of a flow whose Lipschitz constant is a few.
    assert_at_most(np.abs(by_diffrax("Dopri8", network, x) - by_scipy(network, x)), 1e-11, "endpoint")


# Largest errors of 400 networks: Euler 0.040, midpoint 5.4e-4, Heun 6.5e-4; a scheme of order 1 misses the last two.
@pytest.mark.parametrize(("solver", "error"), [("euler", 0.1), ("midpoint", 2e-3), ("heun", 2e-3)])
@given(seed=SEEDS)
@settings(max_examples=examples(20))
@check("ORA", "at 40 steps Euler is within 0.1, midpoint and Heun within 0.002 of scipy's endpoint on random networks")
def test_endpoint_at_forty_steps(backend: Backend, solver: str, error: float, seed: int) -> None:
    network, x = drawn(seed)
    ours = fast(backend, flowed, solver, 40)(on(backend, network.weights, "float64"), backend.array(x))
    assert_at_most(np.abs(backend.numpy(ours) - by_scipy(network, x)), error, "endpoint")


def runge_kutta(backend: Backend, weights: Any, x: Array, t: Array, r: Array) -> Array:
    """Average velocity from t to r of a network's flow, by sixteen classical Runge-Kutta steps."""

    def v(at: Array, time: Array) -> Array:
        return velocity(backend.xp, weights, at, time)

    # One step is h (r-t) long; the sum of slopes over h is the average velocity, also where r = t.
    h, total = 1.0 / 16.0, 0.0 * x
    for i in range(16):
        span = h * (r - t)
        now, here = t + i * span, x + (r - t) * total
        k1 = v(here, now)
        k2 = v(here + span / 2.0 * k1, now + span / 2.0)
        k3 = v(here + span / 2.0 * k2, now + span / 2.0)
        k4 = v(here + span * k3, now + span)
        total = total + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
    return total


def one_step(backend: Backend, weights: Any, x: Array) -> Array:
    """`meanflow_sample` of a network's average velocity."""
    return backend.K.meanflow_sample(functools.partial(runge_kutta, backend, weights), x)


def target_and_average(backend: Backend, weights: Any, x: Array, t: Array, r: Array) -> tuple[Array, Array]:
    """`meanflow_target` of a network's average velocity, and that velocity."""
    u = functools.partial(runge_kutta, backend, weights)
    return backend.K.meanflow_target(u, x, velocity(backend.xp, weights, x, t), t, r), u(x, t, r)


@given(seed=SEEDS)
@settings(max_examples=examples(20))
@check("MF-4", "one step of the average velocity of a random network's flow ends where scipy's DOP853 does")
def test_one_step_is_the_endpoint_of_any_flow(backend: Backend, seed: int) -> None:
    network, x = drawn(seed)
    sample = fast(backend, one_step)(on(backend, network.weights, "float64"), backend.array(x))
    assert_at_most(np.abs(backend.numpy(sample) - by_scipy(network, x)), RUNGE_KUTTA, "endpoint")


@given(seed=SEEDS)
@settings(max_examples=examples(10))
@check("MF-1", "u = v + (r-t) D u holds for the flow of any network, u by Runge-Kutta")
def test_any_average_velocity_is_its_own_target(backend: Backend, seed: int) -> None:
    network, _ = drawn(seed)
    times = np.sort(np.random.default_rng([seed, 2]).uniform(0.0, 1.0, (2, BATCH, 1)), axis=0)
    x, (t, r) = normals(backend, seed, BATCH, ACTION), (backend.array(time) for time in times)
    target, u = fast(backend, target_and_average)(on(backend, network.weights, "float64"), x, t, r)
    assert_at_most(np.abs(backend.numpy(target) - backend.numpy(u)), RUNGE_KUTTA, "target against average velocity")
