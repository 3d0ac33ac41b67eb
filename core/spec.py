"""One row per kernel: what it computes, where it is written, on which arguments, and how it is checked.

Verification, documentation, dispatch, argument checks and benchmarks are generated from these rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["array", "scalar", "integer", "field", "average_field", "critic", "aggregate"]


@dataclass(frozen=True)
class Interval:
    """The values on which a kernel is defined, which are also the values verification draws.

    `open_low` and `open_high` exclude the end itself. `checked` intervals are enforced on Python
    numbers when a kernel is called; unchecked ones only bound what verification draws.
    """

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False
    checked: bool = False
    drawn: tuple[float, float] | None = None

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        left, right = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


REAL = Interval(-3.0, 3.0)
TIME = Interval(0.0, 1.0)
FLAG = Interval(0.0, 1.0)  # masks and terminals: verification draws exactly 0 or 1
ANGLE = Interval(0.0, 1.5707963267948966)
INFINITY = float("inf")


@dataclass(frozen=True)
class Arg:
    """One argument of a kernel.

    `shape` is written in the grammar of `core.contract`: sizes by name, `...` for the shared batch axes, ""
    for a number. A `field` maps `(x, t)` and an `average_field` `(x, t, r)` to a velocity shaped like `x`; a
    `critic` maps actions `(..., A)` to values `(K, ...)`; an `aggregate` maps those to `(...)`.
    `gradient` says whether the result may depend differentiably on this argument: where it is False the
    gradient is exactly zero.
    """

    name: str
    kind: Kind = "array"
    shape: str = ""
    domain: Interval = REAL
    gradient: bool = False
    discrete: bool = False


@dataclass(frozen=True)
class Out:
    """One result of a kernel; an `index` result is an integer array."""

    name: str
    shape: str
    index: bool = False


@dataclass(frozen=True)
class Spec:
    """Everything the rest of the library needs to know about one kernel.

    `tolerance` names a class of `core.tolerances`. `identities` are ids of the catalogue in docs/identities.md.
    `examples` is the number of hypothesis examples in the `ci` profile. `ties` says that the result jumps where
    two inputs tie, so that agreement is only asked away from ties.
    """

    name: str
    family: str
    summary: str
    equation: str
    source: str
    args: tuple[Arg, ...]
    returns: tuple[Out, ...]
    tolerance: str
    identities: tuple[str, ...]
    examples: int = 200
    ties: bool = False

    def arg(self, name: str) -> Arg:
        """The argument called `name`; KeyError if the kernel has none."""
        for arg in self.args:
            if arg.name == name:
                return arg
        raise KeyError(f"{self.name} has no argument {name!r}")

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Names of the arguments that receive a gradient."""
        return tuple(arg.name for arg in self.args if arg.gradient)


def table(*families: tuple[Spec, ...]) -> Mapping[str, Spec]:
    """Join the rows of all families by name; a name stated twice or a row without identity is an error."""
    rows: dict[str, Spec] = {}
    for spec in (row for family in families for row in family):
        if spec.name in rows:
            raise ValueError(f"kernel {spec.name!r} has two rows")
        if not spec.identities:
            raise ValueError(f"kernel {spec.name!r} names no identity that checks it")
        rows[spec.name] = spec
    return rows
