"""SHA-256 of official files: written down when a file is first seen, and compared ever after."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ..untrusted import check_types, read_object

HASHES = "hashes.json"
FACTS = {"sha256": str, "bytes": int, "source": str, "first_seen": str}


def read_hashes(directory: Path) -> dict[str, dict[str, Any]]:
    """What is known of the official files of a directory, by file name.

    Raises:
        DataError: hashes.json is damaged.
    """
    path = directory / HASHES
    if not path.is_file():
        return {}
    known = read_object(path, DataError)
    for name, facts in known.items():
        check_types(path, known, {name: dict}, DataError)
        check_types(path, facts, FACTS, DataError)
    return known


def first_source(path: Path, digest: str) -> str | None:
    """Where an official file came from when it was first seen, None when it never was.

    Args:
        path: the name of the file.
        digest: SHA-256 of its bytes.

    Raises:
        DataError: the file seen first had another SHA-256, or hashes.json is damaged.
    """
    facts = read_hashes(path.parent).get(path.name)
    if facts is None:
        return None
    if facts["sha256"] != digest:
        raise DataError(
            f"{path}: its SHA-256 is not the one of {facts['first_seen']} in {HASHES} ({digest[:12]}..., was "
            f"{facts['sha256'][:12]}... from {facts['source']}); if the file was published anew, remove that entry"
        )
    return str(facts["source"])


def note(path: Path, digest: str, size: int, source: str) -> None:
    """Write down an official file that is seen for the first time."""
    seen = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {"sha256": digest, "bytes": size, "source": source, "first_seen": seen}
    known, directory = read_hashes(path.parent) | {path.name: facts}, path.parent
    partial = directory / f".{HASHES}.{os.getpid()}.partial"
    try:
        partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        partial.replace(directory / HASHES)
    except OSError:  # data in a folder that only others may write is read all the same
        partial.unlink(missing_ok=True)
