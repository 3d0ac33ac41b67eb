"""What one row of the errata holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["wrong", "ambiguous", "differs", "undetermined"]
KINDS: tuple[Kind, ...] = ("wrong", "ambiguous", "differs", "undetermined")


@dataclass(frozen=True)
class Measured:
    """What an evidence function measured.

    Args:
        truth: the quantity, found without the formula in question: by quadrature, simulation or a closed form.
        faulty: the same quantity by the formula in question: the paper's as printed, or the released code's.
        right: the same quantity by the right formula, from a kernel of this library where there is one.
        extra: further numbers that the row's sentence shows.
    """

    truth: float
    faulty: float
    right: float
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Erratum:
    """One place of a paper.

    Args:
        paper: "QAM", "DOAL", "RQL", "OFQL" or "EVOR".
        equation: where, as the paper numbers it.
        kind: wrong (the paper), ambiguous (it can be read in several ways, or holds under an unstated condition),
            differs (the released code does another thing), undetermined (neither text nor code settles it).
        says: what it says.
        released: what the released code does, as read at the commit that the page names; "" when it agrees.
        right: what is right, or what was meant.
        here: the kernel, method or choice of this library.
        check: ids of the checks that show it, comma separated; "–" with a reason when nothing numeric can.
        evidence: computes the numbers; called without arguments for the page, with drawn ones by test_errata.
        shows: the sentence that states them, with {truth}, {faulty}, {right} and the extras as format fields.
        fails_by: the faulty formula misses the truth by at least this much, for all parameters in `ranges`.
        holds_to: the right formula misses it by at most this much.
        ranges: an interval for each parameter of `evidence` that test_errata draws.
    """

    paper: str
    equation: str
    kind: Kind
    says: str
    released: str
    right: str
    here: str
    check: str
    evidence: Callable[..., Measured] | None = None
    shows: str = ""
    fails_by: float = 0.0
    holds_to: float = 1e-9
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def checks(self) -> tuple[str, ...]:
        """The ids named; none for a row that only has a reason."""
        return () if self.check.startswith("–") else tuple(part.strip() for part in self.check.split(","))

    @property
    def name(self) -> str:
        """A name for test ids."""
        return f"{self.paper} {self.equation}"

    def numbers(self) -> str:
        """The sentence with its numbers."""
        if self.evidence is None:
            return ""
        found = self.evidence()
        shown = {"truth": found.truth, "faulty": found.faulty, "right": found.right, **found.extra}
        # Rounding errors must not show, nor a minus sign before zero.
        return self.shows.format(**{name: 0.0 if abs(value) < 1e-9 else value for name, value in shown.items()})
