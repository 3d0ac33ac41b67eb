"""Fetch official OGBench files, when a network is there."""

import os
import shutil
import urllib.request
from pathlib import Path

from ...core.errors import DataError
from .catalogue import DataSet
from .files import manifest_path, read_columns, train_path, validation_path

MIRRORS = ("https://rail.eecs.berkeley.edu/datasets/ogbench",)
TIMEOUT_SECONDS = 5.0


def download(data_set: DataSet, directory: Path) -> str | None:
    """Fetch both files of a data set, check them, and move them into place together.

    Returns:
        None when the files are there now, else in one line why they are not.
    """
    train = train_path(directory, data_set.name)
    reason = "no mirror is known"
    for mirror in MIRRORS:
        partials: list[tuple[Path, Path]] = []
        try:
            for path in (validation_path(train), train):
                partial = path.with_name(f".{path.stem}.{os.getpid()}.partial.npz")
                partials.append((partial, path))
                _fetch(f"{mirror}/{path.name}", partial)
                read_columns(partial)
            for partial, path in partials:
                partial.replace(path)
            manifest_path(train).unlink(missing_ok=True)
            return None
        except (OSError, DataError) as error:
            reason = f"{mirror}: {error}"
        finally:
            for partial, _ in partials:
                partial.unlink(missing_ok=True)
    return reason


def _fetch(url: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
        shutil.copyfileobj(response, file, 1 << 20)
