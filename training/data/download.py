"""Fetch official files from the first mirror that has them."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ...core.errors import DataError
from .catalogue import DataSet
from .files import manifest_path, read_columns, sha256, train_path, validation_path
from .hashes import first_source, note
from .mirrors import mirrors
from .resumable import Report, fetch, forget


def download(data_set: DataSet, directory: Path, console: Console) -> str | None:
    """Fetch both files of a data set, check them, and move them into place together.

    A mirror that broke off is asked for the rest the next time; a file that is damaged or is not the one first seen
    is dropped.

    Returns:
        None when the files are there now, else in one line which mirrors were tried and why none served.

    Raises:
        DataError: the user's table of mirrors is damaged.
    """
    train = train_path(directory, data_set.name)
    reasons = []
    for mirror in mirrors("ogbench", directory):
        try:
            # The training file is renamed last: without it nothing is in place.
            fetched = {path: _fetch(f"{mirror}/{path.name}", path, console) for path in (validation_path(train), train)}
            for path, partial in fetched.items():
                partial.replace(path)
                forget(path)
            manifest_path(train).unlink(missing_ok=True)
            return None
        except (OSError, DataError) as error:
            reasons.append(str(error))
    return "; ".join(reasons)


def _fetch(url: str, path: Path, console: Console) -> Path:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        partial = fetch(url, path, _reporting(bar, path.name))
    try:
        read_columns(partial)
        digest = sha256(partial)
        if first_source(path, digest) is None:
            note(path, digest, partial.stat().st_size, url)
    except DataError as error:
        forget(path)
        raise DataError(f"{url}: {error}") from error
    return partial


def _reporting(bar: Progress, name: str) -> Report:
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)
