"""One process at a time writes into a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..core.errors import UsageError
from .writing import writing

LOCK = ".lock"


@contextmanager
def only_process(run: Path) -> Iterator[None]:
    """Hold the folder; the system lets it go when the process ends, however it ends.

    Raises:
        UsageError: another process holds it.
        CheckpointError: the folder cannot be written.
    """
    lock = FileLock(run / LOCK, timeout=0)
    with writing(run / LOCK):
        try:
            lock.acquire()
        except Timeout as error:
            raise UsageError(f"{run}: another process is training this run") from error
    try:
        yield
    finally:
        lock.release()
