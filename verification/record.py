"""What one test measured: examples tried, the worst error against its tolerance, points of convergence plots."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Measurement:
    """The largest error of a test in units of its tolerance.

    `ratio` is error / tolerance entry by entry; `error` and `bound` belong to the entry where it is largest.
    """

    ratio: float = 0.0
    error: float = 0.0
    bound: float = 0.0
    tolerance: str = ""
    what: str = ""
    comparisons: int = 0

    def take(self, ratio: float, error: float, bound: float, tolerance: str, what: str) -> None:
        """Count this comparison and keep it if it is the worst so far; NaN counts as infinitely bad."""
        if ratio != ratio:
            ratio = float("inf")
        self.comparisons += 1
        if self.comparisons == 1 or ratio > self.ratio:
            self.ratio, self.error, self.bound, self.tolerance, self.what = ratio, error, bound, tolerance, what


@dataclass
class Record:
    """Everything the report needs to know about one test item.

    `margins` holds the worst comparison of every tolerance label, "class dtype", that the test met.
    """

    examples: int = 0
    worst: Measurement = field(default_factory=Measurement)
    margins: dict[str, Measurement] = field(default_factory=dict)
    curves: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, ratio: float, error: float, bound: float, tolerance: str, what: str) -> None:
        """Keep this comparison if it is the worst so far, of all and of those with the same tolerance."""
        self.worst.take(ratio, error, bound, tolerance, what)
        self.margins.setdefault(tolerance, Measurement()).take(ratio, error, bound, tolerance, what)

    def add_curve(self, what: str, steps: list[float], errors: list[float], order: float, fitted: float) -> None:
        """Keep the points of a convergence plot; one curve per name, the last one drawn."""
        self.curves = [curve for curve in self.curves if curve["what"] != what][-7:]
        self.curves.append({"what": what, "steps": steps, "errors": errors, "order": order, "fitted": fitted})

    def as_dict(self) -> dict[str, Any]:
        """Plain data, so that a worker process can send it to the one that writes the report."""
        return asdict(self)


_current = Record()


def current() -> Record:
    """The record of the test that runs now; outside a test, one that nobody reads."""
    return _current


def begin() -> Record:
    """Start a fresh record for the next test."""
    global _current
    _current = Record()
    return _current


@contextmanager
def aside() -> Iterator[Record]:
    """Measure into a record of its own: what a trial of a faulty kernel measures is not this run's worst error."""
    global _current
    outer = _current
    _current = Record()
    try:
        yield _current
    finally:
        _current = outer
