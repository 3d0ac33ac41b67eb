"""One planted fault: a mistake that people make, written into each implementation, and the check that convicts it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...core.rows import SPECS
from ..backends import Backend
from .planting import planted, replacing

IMPLEMENTATIONS = ("reference", "jax", "torch")


@dataclass(frozen=True)
class Edit:
    """`old`, which stands exactly once in the code of the function `inside`, becomes `new`.

    `inside` is the kernel itself and `module` the kernel's, unless another function is named.
    """

    old: str
    new: str
    inside: str = ""
    module: str = ""


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes:
        what: the mistake in a few words, unique within the table.
        kind: its sort: sign, factor, step size, time, evaluation point, stop-gradient, ...
        kernel: the kernel it breaks.
        caught_by: id of a check that must turn red on every implementation the fault is planted in: an identity
            wherever one can see the fault, since agreement alone would not see it in all three at once.
        reference, jax, torch: the edit in each. None only with a reason in `absent`.
        absent: by implementation, why the fault cannot be made there.
    """

    what: str
    kind: str
    kernel: str
    caught_by: str
    reference: Edit | None
    jax: Edit | None
    torch: Edit | None
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The kernel's family."""
        return SPECS[self.kernel].family

    def edit(self, implementation: str) -> Edit | None:
        """The edit in "reference", "jax" or "torch"."""
        edit: Edit | None = getattr(self, implementation)
        return edit

    @contextmanager
    def planted_in(self, backend: Backend) -> Iterator[Backend]:
        """A copy of the backend with this fault.

        Raises:
            LookupError: the fault has no edit there, or the code no longer has the place where it was planted.
        """
        edit = self.edit(backend.name)
        if edit is None:
            raise LookupError(f"{self.what}: not in {backend.name}")
        module = edit.module or getattr(backend.K, self.kernel).__module__.rpartition(".")[2]
        with planted(backend, module, replacing(edit.old, edit.new, edit.inside or self.kernel)) as faulty:
            yield faulty
