"""Planted faults in methods, which run on every backend, and in the engines that run them."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..backends import Backend
from ..method_cases import carrying
from ..trials import Trial, Verdict, first_red, trials
from .fault import Edit
from .planting import Edit as Change
from .planting import copied, planted, replacing

Place = tuple[str, str, str]  # "module.function", old, new; without a function at the module's top level
NO_ENGINE = "the reference has no optimiser, data or seeds"


@dataclass(frozen=True)
class MethodFault:
    """A mistake in one method's file.

    Agreement between backends cannot see it, since the file is the same for all of them.

    Attributes:
        what: the mistake in a few words, unique within the table.
        kind: its sort.
        method: the method whose checks must see it.
        caught_by: id of the check that must turn red.
        test: the test under that id that does.
        edit: what changes; `module` is a file of algorithms/.
    """

    what: str
    kind: str
    method: str
    caught_by: str
    test: str
    edit: Edit

    @contextmanager
    def planted_in(self, backend: Backend) -> Iterator[Backend]:
        """The backend with a faulty copy of the methods.

        Raises:
            LookupError: the code no longer has the place where the fault was planted.
        """
        with copied("veloq.algorithms", self.edit.module, change(self.edit)) as package:
            yield carrying(backend, importlib.import_module(package).ALGORITHMS)

    def suspects(self, profile: str = "trial") -> list[Trial]:
        """The tests of the method under the named id."""
        named = _named(self.caught_by, self.test, profile)
        return [trial for trial in named if trial.test.endswith(f"[{self.method}]")]


@dataclass(frozen=True)
class EngineFault:
    """A mistake in the engine of one or several implementations, and the check and test that must see it.

    Attributes are those of `MethodFault`; `edits` holds the change by implementation, `absent` a reason for each of
    `where` that has none.
    """

    what: str
    kind: str
    caught_by: str
    test: str
    edits: Mapping[str, Edit]
    absent: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def planted_in(self, backend: Backend) -> Iterator[Backend]:
        """A copy of the backend with this fault.

        Raises:
            LookupError: the fault has no edit there, or the code no longer has the place where it was planted.
        """
        if backend.name not in self.edits:
            raise LookupError(f"{self.what}: not in {backend.name}")
        edit = self.edits[backend.name]
        with planted(backend, edit.module, change(edit)) as faulty:
            yield faulty

    def suspects(self, profile: str = "trial") -> list[Trial]:
        """The tests under the named id."""
        return list(_named(self.caught_by, self.test, profile))


def engine_fault(
    what: str,
    kind: str,
    test: str,
    jax: Place | None = None,
    torch: Place | None = None,
    reference: Place | None = None,
    absent: Mapping[str, str] | None = None,
) -> EngineFault:
    """A row of the table; without an edit for the reference the fault is one of training."""
    edits = {}
    for name, place in (("reference", reference), ("jax", jax), ("torch", torch)):
        if place is not None:
            module, _, inside = place[0].partition(".")
            edits[name] = Edit(place[1], place[2], inside=inside, module=module)
    reasons = {} if reference is not None else {"reference": NO_ENGINE}
    return EngineFault(what, kind, "ENGINE", test, edits, reasons | dict(absent or {}))


def change(edit: Edit) -> Change:
    """The edit as a function of the source; one without `inside` stands at the top level of the module."""
    if edit.inside:
        return replacing(edit.old, edit.new, edit.inside)

    def everywhere(source: str) -> str:
        if source.count(edit.old) != 1:
            raise LookupError(f"{edit.module}: {edit.old!r} stands {source.count(edit.old)} times, expected once")
        return source.replace(edit.old, edit.new)

    return everywhere


def convicted(fault: MethodFault | EngineFault, backend: Backend) -> Verdict | None:
    """The first red verdict of the named check on a planted fault; None if all its trials stay green.

    Few examples at first; all that the check states where none of them shows the fault.
    """
    with fault.planted_in(backend) as faulty:
        return first_red(fault.suspects(), faulty) or first_red(fault.suspects("retrial"), faulty)


def _named(check_id: str, test: str, profile: str) -> Iterator[Trial]:
    for trial in trials(profile):
        if check_id in trial.ids and trial.test.partition("[")[0] == test:
            yield trial
