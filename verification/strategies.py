"""Hypothesis strategies generated from the Spec rows: a handful of shapes, values freely within each domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from ..core.contract import parse
from ..core.spec import Arg, Interval, Spec
from .fields import MLPField
from .profiles import profile_name

Values = NDArray[np.float64]
HIDDEN = 4
SMALLEST = float(np.finfo(np.float32).tiny)
PATTERNS = ("uniform", "mixed", "ends", "equal", "tiny")


@dataclass(frozen=True)
class Layout:
    """The sizes of one call. Few of them, so that each is compiled once and then checked on many values."""

    batch: tuple[int, ...]
    A: int
    K: int
    T: int
    h: int
    N: int

    def sizes(self) -> dict[str, int]:
        """Sizes by the names that the Spec rows use; `B` is the length of a flat batch."""
        return {"A": self.A, "K": self.K, "T": self.T, "h": self.h, "N": self.N, "B": max(1, self.batch_size)}

    @property
    def batch_size(self) -> int:
        """Number of samples."""
        return int(np.prod(self.batch))


# Every batch shape and every size of the pools at least twice, no two always together.
LAYOUTS = (
    Layout(batch=(), A=1, K=1, T=1, h=1, N=1),
    Layout(batch=(1,), A=2, K=2, T=2, h=3, N=4),
    Layout(batch=(3,), A=1, K=5, T=5, h=3, N=1),
    Layout(batch=(2, 3), A=5, K=2, T=1, h=1, N=4),
    Layout(batch=(3,), A=5, K=1, T=2, h=3, N=4),
    Layout(batch=(2, 3), A=2, K=5, T=5, h=3, N=4),
    Layout(batch=(), A=2, K=2, T=5, h=3, N=4),
)


def layouts() -> tuple[Layout, ...]:
    """All layouts under `ci`; three that differ in everything under `dev`, since each one is compiled."""
    return LAYOUTS if profile_name() == "ci" else (LAYOUTS[0], LAYOUTS[3], LAYOUTS[5])


@dataclass(frozen=True)
class Case:
    """One call of a kernel as plain data.

    Attributes:
        spec: the row.
        layout: its sizes.
        integers: static arguments.
        tree: arrays, numbers (0-d) and weight dictionaries by argument name. Every value is a float32, so that
            the float64 reference sees exactly the inputs that the float32 run sees.
    """

    spec: Spec
    layout: Layout
    integers: Mapping[str, int]
    tree: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Case({self.spec.name}, {self.layout}, {dict(self.integers)}, {dict(self.tree)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@st.composite
def cases(draw: st.DrawFn, spec: Spec, sizes: Sequence[Layout] = LAYOUTS, smooth: bool = False) -> Case:
    """Calls of `spec`.

    Args:
        spec: the row.
        sizes: the layouts to choose from.
        smooth: keep away from points where the kernel has no derivative.
    """
    layout = draw(st.sampled_from(sizes))
    integers = {arg.name: _integer(arg, layout) for arg in spec.args if arg.kind == "integer"}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tree: dict[str, Any] = {}
    for arg in spec.args:
        if arg.kind == "array":
            pattern = draw(st.sampled_from(PATTERNS))
            tree[arg.name] = _array(draw, rng, arg, shape_of(arg.shape, layout), pattern)
        elif arg.kind == "scalar":
            tree[arg.name] = _single(np.asarray(draw(_numbers(arg.domain))))
        elif arg.kind != "integer":
            tree[arg.name] = _weights(arg, layout, rng, draw(st.sampled_from((0.5, 1.0))))
    case = Case(spec, layout, integers, tree)
    if spec.ties or smooth:
        assume(distance_to_kink(case) > (1e-3 if smooth else 1e-4))
    return case


def typical(spec: Spec, layout: Layout, seed: int = 0) -> Case:
    """One ordinary call, without hypothesis: uniform arrays, numbers in the middle of their range."""
    rng = np.random.default_rng(seed)
    tree: dict[str, Any] = {}
    for arg in spec.args:
        if arg.kind == "array":
            tree[arg.name] = _inside(arg, _uniform(rng, arg, shape_of(arg.shape, layout)))
        elif arg.kind == "scalar":
            tree[arg.name] = _single(np.asarray(np.mean(drawn_range(arg.domain))))
        elif arg.kind != "integer":
            tree[arg.name] = _weights(arg, layout, rng, 1.0)
    return Case(spec, layout, {arg.name: _integer(arg, layout) for arg in spec.args if arg.kind == "integer"}, tree)


def shape_of(shape: str, layout: Layout, sizes: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """The concrete shape of a shape in the rows' grammar."""
    known = {**layout.sizes(), **(sizes or {})}
    front, back = parse(shape)
    lead = tuple(known[name] + offset if name else offset for name, offset in front)
    if back is None:
        return lead
    return lead + layout.batch + tuple(known[name] + offset if name else offset for name, offset in back)


def result_shapes(case: Case) -> list[tuple[int, ...]]:
    """The shapes that the row promises; T is the number of steps where the row has one."""
    steps = {"T": case.integers["steps"]} if "steps" in case.integers else {}
    return [shape_of(out.shape, case.layout, steps) for out in case.spec.returns]


def distance_to_kink(case: Case) -> float:
    """How far the inputs are from a tie or a kink, in units of the compared quantity; infinite without one."""
    tree, name = case.tree, case.spec.name
    if name == "ensemble_min":
        return _gap(-tree["q"])
    if name == "ensemble_lower_bound":
        return float("inf") if case.layout.K == 1 else float(np.min(np.std(tree["q"], axis=0)))
    if name == "softmax_select":
        return _gap(tree["q"] + tree["temperature"] * tree["gumbel"])
    if name == "best_of_n":
        return _gap(tree["q"])
    if name == "linex_loss":
        return float(np.min(np.abs(tree["inv_temp"] * (tree["target"] - tree["q"]) - tree["maximum"])))
    return float("inf")


def _gap(values: Values) -> float:
    if values.shape[0] < 2:
        return float("inf")
    ordered = np.sort(values, axis=0)
    return float(np.min(ordered[-1] - ordered[-2]))


def drawn_range(domain: Interval) -> tuple[float, float]:
    """The closed range that is drawn from: `drawn` if the row states it, else the interval itself."""
    low, high = domain.drawn or (domain.low, domain.high)
    # An open end is approached up to a thousandth of the range.
    inset = 1e-3 * (high - low)
    return low + inset * (low not in domain), high - inset * (high not in domain)


def edges(domain: Interval) -> tuple[float, ...]:
    """Both ends of the drawn range, and 0 and ±1 where they lie inside it."""
    low, high = drawn_range(domain)
    return (low, high, *(value for value in (0.0, 1.0, -1.0) if low < value < high))


def _numbers(domain: Interval) -> st.SearchStrategy[float]:
    low, high = drawn_range(domain)
    return st.one_of(st.sampled_from(edges(domain)), st.floats(low, high))


def _integer(arg: Arg, layout: Layout) -> int:
    low, high = drawn_range(arg.domain)
    return int(min(max(layout.T, low), high))


def _single(values: NDArray[Any]) -> Values:
    """Rounded to float32, kept as float64; subnormal numbers, which XLA flushes to zero, become zero."""
    rounded = np.asarray(values, dtype=np.float32).astype(np.float64)
    return np.where(np.abs(rounded) < SMALLEST, 0.0, rounded)


def _array(draw: st.DrawFn, rng: np.random.Generator, arg: Arg, shape: tuple[int, ...], pattern: str) -> Values:
    low, high = drawn_range(arg.domain)
    ends = np.asarray(edges(arg.domain))
    values = _uniform(rng, arg, shape)
    if arg.discrete:
        return values
    if pattern == "ends":
        values = rng.choice(ends, shape)
    elif pattern == "equal":
        values = np.full(shape, draw(_numbers(arg.domain)))
    elif pattern == "tiny" and low <= 0.0 <= high:
        values = values * 1e-6
    elif pattern == "mixed":
        chosen = np.asarray([*ends, draw(_numbers(arg.domain)), draw(_numbers(arg.domain))])
        values = np.where(rng.random(shape) < 0.5, values, rng.choice(chosen, shape))
    return _inside(arg, values)


def _uniform(rng: np.random.Generator, arg: Arg, shape: tuple[int, ...]) -> Values:
    low, high = drawn_range(arg.domain)
    if arg.discrete:
        return rng.integers(0, 2, shape).astype(np.float64)
    return rng.uniform(low, high, shape)


def _inside(arg: Arg, values: Values) -> Values:
    """Rounded to float32 numbers that do not lie outside the range."""
    low, high = drawn_range(arg.domain)
    first, last = np.float32(low), np.float32(high)
    # Compared as Python floats: NumPy would compare in float32 and see no difference.
    if float(first) < low:
        first = np.nextafter(first, np.float32(np.inf))
    if float(last) > high:
        last = np.nextafter(last, np.float32(-np.inf))
    return np.clip(_single(values), float(first), float(last))


def _weights(arg: Arg, layout: Layout, rng: np.random.Generator, scale: float) -> dict[str, Values]:
    if arg.kind == "aggregate":
        return {"member": _single(rng.uniform(-1.0, 1.0, layout.K))}
    # Fields of returns act on one number, whatever the action size of the layout.
    width = 1 if arg.name == "next_field" else layout.A
    network = MLPField(int(rng.integers(2**32)), width, hidden=HIDDEN, scale=scale)
    weights = network.critic_weights(layout.K) if arg.kind == "critic" else network.weights
    return {name: _single(value) for name, value in weights.items()}
