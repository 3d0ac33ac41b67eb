"""Fetch official files from the first mirror that has them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ...core.errors import DataError
from .catalogue import DataSet
from .d4rl import load_d4rl
from .files import manifest_path, read_columns, sha256, train_path, validation_path
from .gymnasium_task import GymnasiumTask
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
    # The training file is renamed last: without it nothing is in place.
    files = {path.name: path for path in (validation_path(train), train)}
    refusal = _from_mirrors("ogbench", files, directory, read_columns, console)
    if refusal is None:
        manifest_path(train).unlink(missing_ok=True)
    return refusal


def fetch_d4rl(task: GymnasiumTask, directory: Path, console: Console) -> Path:
    """The file of a D4RL task in a directory, fetched unless it is there.

    Raises:
        DataError: no mirror served it, in one line with the reasons.
    """
    path = directory / task.file_name
    if not path.is_file():
        refusal = _from_mirrors("d4rl", {task.remote: path}, directory, load_d4rl, console)
        if refusal is not None:
            raise DataError(f"{task.name}: the official file cannot be downloaded ({refusal})")
    return path


def _from_mirrors(
    kind: str, files: Mapping[str, Path], directory: Path, check: Callable[[Path], Any], console: Console
) -> str | None:
    """Fetch files by their names on a mirror, all from the first that has them; None, or why none served."""
    reasons = []
    for mirror in mirrors(kind, directory):
        try:
            fetched = {path: _fetch(f"{mirror}/{name}", path, check, console) for name, path in files.items()}
            for path, partial in fetched.items():
                partial.replace(path)
                forget(path)
            return None
        except (OSError, DataError) as error:
            reasons.append(str(error))
    return "; ".join(reasons)


def _fetch(url: str, path: Path, check: Callable[[Path], Any], console: Console) -> Path:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        partial = fetch(url, path, _reporting(bar, path.name))
    try:
        check(partial)
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
