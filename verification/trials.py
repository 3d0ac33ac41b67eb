"""Every check of this package as a plain function of a backend, so that it can be aimed at any implementation."""

import functools
import importlib.util
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..core.rows import SPECS
from . import profiles
from .backends import Backend
from .check import checks_of
from .record import Measurement, aside

AIMED = ("backend", "framework", "reference")
# Their subject is the table of kernels as a whole or the compilers, not one kernel's values.
GENERIC = ("AGREE", "GRAD", "MODES", "CONTRACT")


@dataclass(frozen=True)
class Trial:
    """One check with every parameter chosen but the backend.

    Attributes:
        checks: its (id, statement) tags.
        test: the test's name with its parameters, as pytest spells them.
        aim: "backend" if it runs on all three implementations, "framework" if on JAX and torch alone, "reference" if
            on the reference alone.
        subjects: kernels named by its parameters; empty if it names none.
        run: the test as a function of a backend.
    """

    checks: tuple[tuple[str, str], ...]
    test: str
    aim: str
    subjects: tuple[str, ...]
    run: Callable[[Backend], None]

    @property
    def ids(self) -> tuple[str, ...]:
        """The check ids without their statements."""
        return tuple(check_id for check_id, _ in self.checks)

    def applies(self, backend: Backend) -> bool:
        """Whether the test runs on this implementation."""
        return self.aim == "backend" or (self.aim == "reference") == (backend.name == "reference")


@dataclass(frozen=True)
class Verdict:
    """How one trial ended: `red` with what was raised, else green; `worst` is its largest error over tolerance."""

    trial: Trial
    red: bool
    error: BaseException | None
    worst: Measurement


def judge(trial: Trial, backend: Backend) -> Verdict | None:
    """Run one trial on one implementation; None if the check skipped itself."""
    # What a framework or a user's code warns about is no verdict on the mathematics.
    with aside() as record, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trial.run(backend)
        except pytest.skip.Exception:
            return None
        # A faulty kernel may raise anything, or fail to raise; either is red.
        except (Exception, pytest.fail.Exception) as error:
            return Verdict(trial, True, error, record.worst)
    return Verdict(trial, False, None, record.worst)


def first_red(chosen: Iterable[Trial], backend: Backend) -> Verdict | None:
    """The first red verdict of the trials that run on this implementation; None if all stay green or skip."""
    verdicts = (judge(trial, backend) for trial in chosen if trial.applies(backend))
    return next((verdict for verdict in verdicts if verdict is not None and verdict.red), None)


def concerning(kernel: str, profile: str) -> list[Trial]:
    """The trials that can convict a kernel: the identities its row names first, then those generated from the row."""
    named = [trial for trial in trials(profile) if not trial.subjects or kernel in trial.subjects]
    identities = set(SPECS[kernel].identities)
    first = [trial for trial in named if identities & set(trial.ids)]
    rest = [trial for trial in named if kernel in trial.subjects and set(GENERIC) & set(trial.ids)]
    return first + [trial for trial in rest if trial not in first]


@functools.cache
def trials(profile: str) -> tuple[Trial, ...]:
    """All trials, with the number of examples and the phases of a hypothesis profile.

    The test modules are executed once more for it: hypothesis fixes a test's settings when the test is defined.
    """
    with profiles.in_force(profile):
        return tuple(itertools.chain.from_iterable(_of_module(path, profile) for path in _files()))


def _files() -> list[Path]:
    return sorted(Path(__file__).parent.glob("test_*.py"))


def _of_module(path: Path, profile: str) -> Iterator[Trial]:
    spec = importlib.util.spec_from_file_location(f"{__package__}.{path.stem}_on_trial", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, function in list(vars(module).items()):
        if name.startswith("test_") and checks_of(function):
            yield from _of_test(f"{path.stem}.{name}", function, profile)


def _of_test(name: str, function: Callable[..., Any], profile: str) -> Iterator[Trial]:
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    parametrized = {each for mark in marks for each in _names(mark)}
    # Hypothesis hides the arguments that it fills in itself.
    wanted = [each for each in inspect.signature(function).parameters if each not in parametrized]
    if len(wanted) != 1 or wanted[0] not in AIMED:
        return
    for chosen in itertools.product(*(_values(mark) for mark in marks)):
        given = {key: value for part in chosen for key, value in part.items()}
        label = "-".join(_label(value) for value in given.values())
        subjects = tuple(value for value in given.values() if isinstance(value, str) and value in SPECS)
        run = functools.partial(_run, function, wanted[0], given, profile)
        yield Trial(tuple(checks_of(function)), f"{name}[{label}]" if given else name, wanted[0], subjects, run)


def _run(function: Callable[..., Any], aim: str, given: dict[str, Any], profile: str, backend: Backend) -> None:
    # A test that holds a property inside asks for its number of examples when it runs.
    with profiles.in_force(profile):
        function(**{aim: backend}, **given)


def _label(value: Any) -> str:
    return str(getattr(value, "__name__", getattr(value, "name", value)))


def _names(mark: Any) -> list[str]:
    names = mark.args[0]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _values(mark: Any) -> list[dict[str, Any]]:
    names = _names(mark)
    return [dict(zip(names, _row(value, len(names)), strict=True)) for value in mark.args[1]]


def _row(value: Any, width: int) -> tuple[Any, ...]:
    """The arguments of one case: of a `pytest.param`, of several parameters, or of one."""
    if type(value).__name__ == "ParameterSet":
        return tuple(value.values)
    return tuple(value) if width > 1 else (value,)
