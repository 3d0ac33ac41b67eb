"""DOAL: the regression target that replaces the critic's gradient, and TrigFlow."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from veloq.verification.assertions import assert_at_most, assert_close, assert_exact
from veloq.verification.backends import Array, Backend
from veloq.verification.check import check
from veloq.verification.fields import MLPField
from veloq.verification.profiles import examples

SEEDS = st.integers(0, 2**31)
SHAPES = st.sampled_from([(1, 1), (4, 1), (3, 2), (2, 3, 2)])
DELTAS = st.floats(0.01, 1.0)


def action_gradient(backend: Backend, critic: object, a: np.ndarray) -> np.ndarray:
    """Gradient of the mean critic at NumPy actions."""
    grad = backend.K.action_gradient(critic, backend.array(a), backend.K.ensemble_mean)
    return np.asarray(backend.numpy(grad))


def target(backend: Backend, a: np.ndarray, grad: np.ndarray, delta: float) -> np.ndarray:
    """`batch_normalized_target` from NumPy to NumPy."""
    moved = backend.K.batch_normalized_target(backend.array(a), backend.array(grad), delta)
    return np.asarray(backend.numpy(moved))


@settings(max_examples=examples(40))
@given(seed=SEEDS, shape=SHAPES, alpha=st.floats(0.1, 10.0))
@check("DOAL-1", "Prop. 1: ∇(Q(π) linearised at a - α‖π-a‖²) = ∇(-α‖π-a_target‖²), in the policy's parameters")
def test_regression_equals_value_gradient(backend: Backend, seed: int, shape: tuple[int, ...], alpha: float) -> None:
    xp, K = backend.xp, backend.K
    rng = np.random.default_rng([seed, 0])
    a = backend.array(rng.uniform(-1.0, 1.0, shape))
    observation = backend.array(rng.standard_normal((*shape[:-1], 3)))
    critic = MLPField(seed, shape[-1]).critic(backend, members=3)
    grad = K.action_gradient(critic, a, K.ensemble_mean)
    mean_norm = float(np.mean(np.linalg.norm(backend.numpy(grad), axis=-1)))
    # delta/mean norm = 1/(2 alpha) makes the shift the proposition's grad/(2 alpha).
    a_target = K.batch_normalized_target(a, grad, mean_norm / (2.0 * alpha))

    def policy(weight: Array, bias: Array) -> Array:
        return xp.tanh(observation @ weight + bias)

    def value(weight: Array, bias: Array) -> Array:
        pi = policy(weight, bias)
        return xp.sum(K.stop_gradient(grad) * pi) - alpha * xp.sum((pi - a) ** 2)

    def regression(weight: Array, bias: Array) -> Array:
        return -alpha * xp.sum((policy(weight, bias) - a_target) ** 2)

    parameters = [backend.array(rng.standard_normal(size)) for size in ((3, shape[-1]), (shape[-1],))]
    pairs = zip(backend.grad(value, *parameters), backend.grad(regression, *parameters), strict=True)
    for by_value, by_regression in pairs:
        assert_close(by_regression, by_value, "derivative", what="gradient in the policy's parameters")


@settings(max_examples=examples(40))
@given(seed=SEEDS, shape=SHAPES, alpha=st.floats(0.1, 10.0))
@check("DOAL-1", "at π = a the gradient of Q(π) - α‖π-a‖² itself, autodiff through the critic, is the regression's")
def test_gradient_at_the_data_action(backend: Backend, seed: int, shape: tuple[int, ...], alpha: float) -> None:
    xp, K = backend.xp, backend.K
    a = backend.array(np.random.default_rng([seed, 0]).uniform(-1.0, 1.0, shape))
    critic = MLPField(seed, shape[-1]).critic(backend, members=3)
    grad = K.action_gradient(critic, a, K.ensemble_mean)
    mean_norm = float(np.mean(np.linalg.norm(backend.numpy(grad), axis=-1)))
    a_target = K.batch_normalized_target(a, grad, mean_norm / (2.0 * alpha))

    def value(pi: Array) -> Array:
        return xp.sum(critic(pi)) / 3.0 - alpha * xp.sum((pi - a) ** 2)

    def regression(pi: Array) -> Array:
        return -alpha * xp.sum((pi - a_target) ** 2)

    (by_value,), (by_regression,) = backend.grad(value, a), backend.grad(regression, a)
    assert_close(by_regression, by_value, "derivative", what="gradient in the action")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES, delta=DELTAS, scale=st.floats(1e-6, 1e3))
@check("DOAL-2", "the mean norm of the shift is delta for any batch with a non-zero gradient; it points along it")
def test_mean_shift(backend: Backend, seed: int, shape: tuple[int, ...], delta: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    grad = scale * rng.standard_normal(shape)
    grad[(0,) * (len(shape) - 1)] = 0.0 if shape[0] > 1 else scale
    a = rng.uniform(-1.0, 1.0, shape)
    shift = target(backend, a, grad, delta) - a
    norms = np.linalg.norm(shift, axis=-1)
    assert_close(norms.mean(), np.array(delta), "reduction", what="mean norm of the shift")
    sizes = np.linalg.norm(grad, axis=-1, keepdims=True)
    direction = grad / np.where(sizes > 0.0, sizes, 1.0)
    assert_close(shift, norms[..., None] * direction, "reduction", what="direction of the shift")


@settings(max_examples=examples(20))
@given(seed=SEEDS, shape=SHAPES, delta=DELTAS)
@check("DOAL-2", "a batch without any gradient, however small delta, keeps its actions bit for bit")
def test_zero_gradient(backend: Backend, seed: int, shape: tuple[int, ...], delta: float) -> None:
    a = np.random.default_rng(seed).uniform(-1.0, 1.0, shape)
    assert_exact(target(backend, a, np.zeros(shape), delta), a, what="unmoved actions")


@settings(max_examples=examples(60))
@given(seed=SEEDS, shape=SHAPES, delta=DELTAS, c=st.floats(0.01, 100.0), b=st.floats(-5.0, 5.0))
@check("DOAL-3", "invariant under Q → c Q + b, equivariant under rotations and permutations of the action")
def test_invariances(backend: Backend, seed: int, shape: tuple[int, ...], delta: float, c: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.uniform(-1.0, 1.0, shape)
    critic = MLPField(seed, shape[-1]).critic(backend, members=2)
    plain = target(backend, a, action_gradient(backend, critic, a), delta)
    rescaled = action_gradient(backend, lambda x: c * critic(x) + b, a)
    assert_close(target(backend, a, rescaled, delta), plain, "derivative", what="critic rescaled")
    rotation = np.linalg.qr(rng.standard_normal((shape[-1], shape[-1])))[0]
    permutation = np.eye(shape[-1])[rng.permutation(shape[-1])]
    for turn in (rotation, permutation):
        back = backend.array(turn.T)
        turned = action_gradient(backend, lambda x, back=back: critic(x @ back), a @ turn)
        assert_close(target(backend, a @ turn, turned, delta), plain @ turn, "derivative", what="action turned")


@settings(max_examples=examples(60))
@given(seed=SEEDS, rows=st.sampled_from([2, 5]), delta=DELTAS, ratio=st.floats(2.0, 10.0))
@check("DOAL-3", "delta is a batch statistic: in one batch shifts keep the ratio of gradients, split they are equal")
def test_splitting_changes_it(backend: Backend, seed: int, rows: int, delta: float, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    a, unit = rng.uniform(-1.0, 1.0, (2 * rows, 3)), rng.standard_normal((2 * rows, 3))
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    grad = unit * np.repeat([ratio, 1.0], rows)[:, None]
    whole = np.linalg.norm(target(backend, a, grad, delta) - a, axis=-1)
    halves = [target(backend, a[half], grad[half], delta) - a[half] for half in (slice(rows), slice(rows, None))]
    expected = np.repeat([ratio, 1.0], rows) * 2.0 * delta / (ratio + 1.0)
    assert_close(whole, expected, "reduction", what="shifts in one batch")
    split = np.linalg.norm(np.concatenate(halves), axis=-1)
    assert_close(split, np.full(2 * rows, delta), "reduction", what="shifts in split batches")


@settings(max_examples=examples(100))
@given(seed=SEEDS, shape=SHAPES)
@check("DOAL-4", "TrigFlow: ‖denoise(F) - x1‖² = sin²(angle) ‖F - dx/dangle‖², and dx/dangle is the path's derivative")
def test_trigflow_loss(backend: Backend, seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    x0, x1, F = (rng.standard_normal(shape) for _ in range(3))
    angle = rng.uniform(0.0, np.pi / 2.0, (*shape[:-1], 1))
    K, arrays = backend.K, [backend.array(v) for v in (x0, x1, angle)]
    x, dx = K.trigflow_path(*arrays)
    x1_hat = backend.numpy(K.trigflow_denoise(backend.array(F), x, arrays[2]))
    loss = np.sum((x1_hat - x1) ** 2, axis=-1)
    expected = np.sin(angle[..., 0]) ** 2 * np.sum((F - backend.numpy(dx)) ** 2, axis=-1)
    assert_close(loss, expected, "reduction", what="loss on F")
    ones = backend.array(np.ones_like(angle))
    slope = backend.jvp(lambda at: K.trigflow_path(arrays[0], arrays[1], at)[0], [arrays[2]], [ones])
    assert_close(slope, backend.numpy(dx), "derivative", what="derivative of the path")
    for end, value in ((0.0, x1), (np.pi / 2.0, x0)):
        at_end = K.trigflow_path(arrays[0], arrays[1], backend.array(np.full_like(angle, end)))[0]
        assert_close(backend.numpy(at_end), value, "elementwise", what="end of the path")


@settings(max_examples=examples(40))
@given(seed=SEEDS, shape=SHAPES, steps=st.sampled_from([1, 3, 8]))
@check(
    "DOAL-4", "trigflow_sample is exact for a point mass, and for N(0, 1) data, whose exact F is zero, scales by cosⁿ"
)
def test_trigflow_sample(backend: Backend, seed: int, shape: tuple[int, ...], steps: int) -> None:
    rng = np.random.default_rng(seed)
    xp = backend.xp
    x0, point = rng.standard_normal(shape), rng.standard_normal(shape[-1])
    a = backend.array(point)

    def to_point(x: Array, angle: Array) -> Array:
        # x = cos a + sin x0 gives x0, and F = cos x0 - sin a.
        return (xp.cos(angle) * x - a) / xp.sin(angle)

    # The field is evaluated at angles k π/(2 steps), k ≥ 1, so that sin ≥ 0.19.
    sample = backend.numpy(backend.K.trigflow_sample(to_point, backend.array(x0), steps))
    assert_close(sample, np.broadcast_to(point, shape), "recursion", what="sample of a point mass")
    still = backend.numpy(backend.K.trigflow_sample(lambda x, angle: 0.0 * x, backend.array(x0), steps))
    expected = np.cos(np.pi / (2 * steps)) ** steps * x0
    assert_close(still, expected, "recursion", what="sample of a standard Gaussian")


@settings(max_examples=examples(40))
@given(seed=SEEDS, std=st.floats(0.2, 3.0), steps=st.sampled_from([2, 5, 10]))
@check("DOAL-4", "for N(m, s²) data trigflow_sample is the product of its exact linear steps, each in closed form")
def test_trigflow_sample_gaussian(backend: Backend, seed: int, std: float, steps: int) -> None:
    rng = np.random.default_rng(seed)
    xp, mean = backend.xp, float(rng.uniform(-1.0, 1.0))

    def field(x: Array, angle: Array) -> Array:
        c, s = xp.cos(angle), xp.sin(angle)
        slope = c * s * (1.0 - std**2) / (c**2 * std**2 + s**2)
        return -s * mean + slope * (x - c * mean)

    x0 = rng.standard_normal((4, 1))
    sample = backend.numpy(backend.K.trigflow_sample(field, backend.array(x0), steps))
    d = np.pi / (2 * steps)
    # x - cos(angle) m is multiplied by cos d - sin d · slope; the mean's own circle is followed exactly.
    factor = 1.0
    for k in range(steps, 0, -1):
        c, s = np.cos(k * d), np.sin(k * d)
        factor *= np.cos(d) - np.sin(d) * c * s * (1.0 - std**2) / (c**2 * std**2 + s**2)
    assert_close(sample, mean + factor * x0, "recursion", what="sample of Gaussian data")


@settings(max_examples=examples(20))
@given(seed=SEEDS, std=st.floats(0.3, 2.0))
@check("DOAL-4", "for N(m, s²) data trigflow_sample tends to the transport m + s x0 as steps grow")
def test_trigflow_sample_converges(backend: Backend, seed: int, std: float) -> None:
    xp = backend.xp
    x0 = np.random.default_rng(seed).standard_normal((4, 1))

    def field(x: Array, angle: Array) -> Array:
        c, s = xp.cos(angle), xp.sin(angle)
        return c * s * (1.0 - std**2) / (c**2 * std**2 + s**2) * x

    errors = [
        np.abs(backend.numpy(backend.K.trigflow_sample(field, backend.array(x0), n)) - std * x0).max() for n in (8, 64)
    ]
    # First order: eight times the steps, an eighth of the error, a fifth with room for the next order.
    assert_at_most(errors[1], errors[0] / 5.0 + 1e-6, what="error at 64 steps against 8")
