"""The only comparisons that tests use: each raises when it fails and records how close it came."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tolerances import tolerance as lookup
from .backends import precision
from .record import current


def assert_close(
    actual: Any,
    expected: Any,
    tolerance: str = "recursion",
    what: str = "",
    dtype: str = "float64",
    column: str = "",
) -> None:
    """Entry by entry |actual - expected| ≤ absolute + relative |expected|, same shape, all finite.

    Args:
        actual: the result under test; its dtype must be `dtype`.
        expected: what it should be, any floating dtype.
        tolerance: class of core.tolerances.
        what: named in the failure and in the report.
        dtype: "float64", "float32" or "bfloat16".
        column: whose bound applies; by default that of `dtype`, with `--precision fast` for float32 that of "tf32".

    Raises:
        AssertionError: naming the worst entry.
    """
    column = column or ("tf32" if dtype == "float32" and precision() == "fast" else dtype)
    bound = lookup(tolerance, column)
    name = dtype_name(actual)
    got, want = _array(actual), _array(expected)
    _same_shape(got, want, what)
    if name != dtype:
        raise AssertionError(f"{what or 'result'}: dtype {name}, expected {dtype}")
    if not np.isfinite(want).all():
        raise AssertionError(f"{what or 'result'}: the expected value is not finite: {want}")
    if not np.isfinite(got).all():
        raise AssertionError(f"{what or 'result'}: not finite: {got}, expected {want}")
    if got.size == 0:
        return
    want = want.astype(np.float64)
    error = np.abs(got.astype(np.float64) - want)
    allowed = bound.absolute + bound.relative * np.abs(want)
    _judge(error, allowed, f"{tolerance} {column}", what, got, want)


def assert_exact(actual: Any, expected: Any, what: str = "") -> None:
    """Same shape, same values to the last bit (0.0 and -0.0 are one value); NaN equals nothing."""
    got, want = _array(actual), _array(expected)
    _same_shape(got, want, what)
    if got.size == 0:
        return
    error = np.where(got == want, 0.0, np.maximum(np.abs(got - want), np.finfo(np.float64).tiny))
    current().measure(float(np.max(error) > 0), float(np.max(error)), 0.0, "exact", what)
    if not np.array_equal(got, want):
        raise AssertionError(f"{what or 'result'}: not exactly equal\n  actual   {got}\n  expected {want}")


def assert_at_most(value: Any, bound: Any, what: str = "") -> None:
    """Every entry of `value` is at most the bound (a number or an array that broadcasts); NaN is not."""
    got = np.asarray(_array(value), dtype=np.float64)
    limit = np.asarray(_array(bound), dtype=np.float64)
    got, limit = np.broadcast_arrays(got, limit)
    holds = got <= limit
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(limit > 0, got / limit, np.where(holds, 0.0, np.inf))
    worst = _worst(ratio)
    current().measure(float(ratio.flat[worst]), float(got.flat[worst]), float(limit.flat[worst]), "bound", what)
    if not holds.all():
        first = int(np.argmin(holds))
        raise AssertionError(f"{what or 'value'}: {got.flat[first]:.6g} exceeds {limit.flat[first]:.6g}")


def assert_order(
    steps: Sequence[float], errors: Sequence[float], order: float, within: float = 0.15, what: str = ""
) -> None:
    """The slope of log error against log h, h = 1/steps, is the stated order within `within`.

    Args:
        steps: numbers of steps, at least three different ones.
        errors: the error at each, positive.
        order: the order claimed.
        within: largest distance of the fitted slope.
        what: names the curve in the report.
    """
    counts = np.asarray(steps, dtype=np.float64)
    sizes = np.asarray([float(error) for error in errors], dtype=np.float64)
    if len(counts) != len(sizes) or len(set(counts.tolist())) < 3:
        raise AssertionError(f"{what or 'order'}: needs an error for each of at least three step counts")
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise AssertionError(f"{what or 'order'}: errors must be finite and positive, got {sizes}")
    fitted = float(np.polyfit(-np.log(counts), np.log(sizes), 1)[0])
    off = abs(fitted - order)
    current().measure(off / within, off, within, f"order {order:g}", what)
    current().add_curve(what, counts.tolist(), sizes.tolist(), float(order), fitted)
    if off > within:
        raise AssertionError(f"{what or 'order'}: fitted order {fitted:.3f}, expected {order:g} ± {within:g}")


def dtype_name(value: Any) -> str:
    """The dtype of an array of any framework, as NumPy spells it."""
    return str(value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype).removeprefix("torch.")


def _array(value: Any) -> NDArray[Any]:
    """The values in NumPy; bfloat16, which NumPy lacks, as float32, which holds every one of its numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if dtype_name(value) == "bfloat16" else value
    values = np.asarray(value)
    return values.astype(np.float32) if dtype_name(values) == "bfloat16" else values


def _same_shape(got: NDArray[Any], want: NDArray[Any], what: str) -> None:
    if got.shape != want.shape:
        raise AssertionError(f"{what or 'result'}: shape {got.shape}, expected {want.shape}")


def _worst(ratio: NDArray[Any]) -> int:
    return int(np.argmax(np.where(np.isnan(ratio), np.inf, ratio)))


def _judge(
    error: NDArray[Any], allowed: NDArray[Any], label: str, what: str, got: NDArray[Any], want: NDArray[Any]
) -> None:
    # A class of exact results allows nothing: no error is within it, any error is infinitely far outside.
    ratio = np.divide(error, allowed, out=np.where(error > 0, np.inf, 0.0), where=allowed > 0)
    worst = _worst(ratio)
    largest = float(ratio.flat[worst])
    current().measure(largest, float(error.flat[worst]), float(allowed.flat[worst]), label, what)
    if not largest <= 1.0:
        where = tuple(int(i) for i in np.unravel_index(worst, error.shape))
        raise AssertionError(
            f"{what or 'result'}: entry {where} is {got.flat[worst]}, expected {want.flat[worst]}: "
            f"{largest:.3g} times the {label} tolerance"
        )
