"""What happens when a run cannot be written: one error, and what was saved before stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import CheckpointError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk, a folder that became read-only or the like into a CheckpointError that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckpointError(f"{path}: cannot be written ({reason}); what was saved before is kept") from error
