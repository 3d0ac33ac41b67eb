"""A verdict on somebody's own implementation of a kernel: agreement, derivatives, routing and every identity."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.progress import track

from ..core.errors import UsageError
from ..core.rows import SPECS
from ..core.spec import Spec
from .backends import BACKENDS, Backend, configure
from .trials import Trial, Verdict, concerning, judge

# Whether bad input raises a clear error is this library's promise, not the mathematics'.
NOT_ASKED = "CONTRACT"


@dataclass(frozen=True)
class Finding:
    """What one check said.

    Attributes:
        check: id of the catalogue (docs/identities.md).
        statement: what must hold.
        passed: whether it did.
        ratio: largest error over tolerance that was met; None where nothing was compared.
        error: that error.
        tolerance: that tolerance.
        message: what went wrong on the smallest failing input; empty if nothing did.
        example: that input, as hypothesis found it; empty if the check draws none.
    """

    check: str
    statement: str
    passed: bool
    ratio: float | None
    error: float | None
    tolerance: float | None
    message: str = ""
    example: str = ""

    def __str__(self) -> str:
        head = f"{'passed' if self.passed else 'FAILED'}  {self.check:<8}{self.statement}"
        lines = [head]
        if self.ratio is not None:
            lines.append(f"  largest error {self.error:.2g}, tolerance {self.tolerance:.2g}")
        if not self.passed:
            lines += [f"  {line}" for line in self.message.splitlines()]
            lines += [f"  smallest failing input: {self.example}"] if self.example else []
        return "\n        ".join(lines)


@dataclass(frozen=True)
class Certificate:
    """The verdict on one implementation.

    Attributes:
        kernel: the kernel it claims to be.
        backend: "jax" or "torch".
        findings: one per check, failures first.
    """

    kernel: str
    backend: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of the checks that failed, each once."""
        return tuple(dict.fromkeys(finding.check for finding in self.findings if not finding.passed))

    def __str__(self) -> str:
        count = sum(not finding.passed for finding in self.findings)
        verdict = "is" if self.passed else f"is NOT ({count} of {len(self.findings)} checks failed)"
        title = f"This function {verdict} {self.kernel} on {self.backend}: {SPECS[self.kernel].equation}"
        return "\n".join([title, *map(str, self.findings)])


def certify(function: Callable[..., Any], kernel: str, *, backend: str, progress: bool = True) -> Certificate:
    """Hold an implementation of a kernel, yours for instance, against the reference and the kernel's identities.

    JAX is switched to float64 for the whole process, as in every run of the verification.

    Args:
        function: takes the kernel's arguments by position (docs/kernels.md lists them) as arrays of `backend`,
            in float64 and float32, and returns what the kernel returns. JAX traces it under jit and vmap, torch
            calls it eagerly and under torch.func.
        kernel: the kernel's name, e.g. "lean_adjoint".
        backend: "jax" or "torch".
        progress: show how far it is, on a terminal.

    Returns:
        The verdict; print it, or read `passed`, `failed` and `findings`. It takes from seconds to a few minutes:
        orders of convergence are fitted at up to a thousand steps, which a Python loop under jit unrolls.

    Raises:
        UsageError: no such kernel or backend, or its framework is not installed.
    """
    if kernel not in SPECS:
        raise UsageError(f"certify: kernel must be one of veloq's ({', '.join(sorted(SPECS))}), got {kernel!r}")
    if backend not in ("jax", "torch"):
        raise UsageError(f"certify: backend must be 'jax' or 'torch', got {backend!r}")
    if BACKENDS[backend].missing:
        raise UsageError(f"certify: {BACKENDS[backend].missing}")
    if not callable(function):
        raise UsageError(f"certify: function must be callable, got {type(function).__name__}")
    configure()
    chosen = BACKENDS[backend]
    asked = [trial for trial in concerning(kernel, "certify") if NOT_ASKED not in trial.ids and trial.applies(chosen)]
    shown = track(asked, f"certifying {kernel}", transient=True, disable=not progress, console=Console(stderr=True))
    verdicts = [verdict for trial in shown if (verdict := _asked(trial, chosen, kernel, function)) is not None]
    return Certificate(kernel, backend, tuple(findings(verdicts)))


def _asked(trial: Trial, backend: Backend, kernel: str, function: Callable[..., Any]) -> Verdict | None:
    """The verdict of one check; None if it said nothing about the function, because it skipped or never called it."""
    called = []

    def counted(*args: Any) -> Any:
        called.append(True)
        return function(*args)

    # A backend for each check: programs compiled for another one would hide the calls.
    verdict = judge(trial, with_kernel(backend, kernel, counted))
    return verdict if called else None


def with_kernel(backend: Backend, kernel: str, function: Callable[..., Any]) -> Backend:
    """The backend with one kernel replaced; the original keeps its own."""
    names = {name: getattr(backend.K, name) for name in backend.K.__all__}
    aimed = backend.variant()
    aimed.K = SimpleNamespace(**{**names, kernel: _by_position(SPECS[kernel], backend, function)})
    return aimed


def _by_position(spec: Spec, backend: Backend, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as checks call kernels: by position or by name, defaults filled in."""
    signature = inspect.signature(getattr(backend.K, spec.name))

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return function(*bound.arguments.values())

    return call


def findings(verdicts: Iterable[Verdict]) -> list[Finding]:
    """One finding per statement: the worst of its trials; failures first, the order of the checks kept otherwise."""
    worst: dict[tuple[str, str], Finding] = {}
    for verdict in verdicts:
        for check in verdict.trial.checks:
            finding = _finding(*check, verdict)
            worst[check] = max(worst.get(check, finding), finding, key=_badness)
    return sorted(worst.values(), key=lambda finding: finding.passed)


def _badness(finding: Finding) -> tuple[bool, float]:
    return not finding.passed, finding.ratio or 0.0


def _finding(check_id: str, statement: str, verdict: Verdict) -> Finding:
    worst, error = verdict.worst, verdict.error
    compared = worst.comparisons > 0
    kind = "" if error is None or isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return Finding(
        check=check_id,
        statement=statement,
        passed=not verdict.red,
        ratio=worst.ratio if compared else None,
        error=worst.error if compared else None,
        tolerance=worst.bound if compared else None,
        message="" if error is None else f"{kind}{error}",
        example="" if error is None else smallest(error),
    )


def smallest(error: BaseException) -> str:
    """The failing input that hypothesis attached to the error, on one line, without what is the same in all."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    # Hypothesis changed its heading.
    found = re.search(r"(?:Falsifying example|Failing test case): \w+\((.*?)\n\)", notes, re.DOTALL)
    if found is None:
        return ""
    parts = [line.strip() for line in found.group(1).splitlines()]
    return " ".join(part for part in parts if part and not part.startswith(("backend=", "framework="))).rstrip(",")
