"""Whether the files of a data set are those that were made or first seen, and where they came from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from .files import read_manifest, sha256, validation_path
from .hashes import first_source, note

FOUND = "found in place"


def verify_files(train: Path) -> None:
    """Compare both files with their manifest, or official ones with the hashes first seen.

    Raises:
        DataError: a file differs.
    """
    manifest = read_manifest(train)
    for path, digest in _digests(train):
        if manifest is None:
            first_source(path, digest)
        else:
            _check_made(path, digest, manifest)


def origin(train: Path) -> tuple[str, dict[str, Any] | None]:
    """Where the rows come from, in one line, and the manifest of regenerated ones; both files are verified.

    Official files that are seen for the first time are written down in hashes.json.

    Raises:
        DataError: a file differs from its manifest or from what was first seen.
    """
    manifest = read_manifest(train)
    if manifest is not None:
        verify_files(train)
        made = f"regenerated, seed {manifest['seed']}, {manifest['transitions']} training transitions"
        return made, manifest
    sources = {path: seen(path, digest) for path, digest in _digests(train)}
    return f"official file, {sources[train]}", None


def seen(path: Path, digest: str) -> str:
    """Where an official file came from; a file that is seen for the first time is written down in hashes.json.

    Raises:
        DataError: the file differs from what was first seen.
    """
    known = first_source(path, digest)
    if known is None:
        note(path, digest, path.stat().st_size, FOUND)
    return known or FOUND


def _check_made(path: Path, digest: str, manifest: dict[str, Any]) -> None:
    if digest != manifest["sha256"].get(path.name):
        made_again = f"veloq data make {path.stem.removesuffix('-val')}"
        raise DataError(f"{path}: differs from its manifest; make it again: {made_again}")


def _digests(train: Path) -> Iterator[tuple[Path, str]]:
    for path in (train, validation_path(train)):
        if path.is_file():
            yield path, sha256(path)
