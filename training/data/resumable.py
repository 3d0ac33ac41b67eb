"""One file over HTTP, begun again where the last try broke off."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...core.errors import DataError
from ..untrusted import read_object

TIMEOUT_SECONDS = 10.0
TRIES = 4
PIECE = 1 << 20
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416
# Bytes there, and bytes in all where the server says so.
Report = Callable[[int, int | None], None]


def partial_path(path: Path) -> Path:
    """Where the bytes lie until all have come."""
    return path.with_name(f".{path.name}.partial")


def fetch(url: str, path: Path, report: Report) -> Path:
    """Bring a file to `partial_path(path)`, whole; the caller looks at it and gives it its name.

    What is there of the same version of the same address is kept: the server is asked for the rest, and by its
    validator (ETag or Last-Modified) that the rest belongs to it. A server that cannot do that sends all again.

    Args:
        url: an address that urllib reads.
        path: the name that the file shall have.
        report: called after every MiB.

    Raises:
        DataError: the server refused, or the connection broke time and again; what came is kept for the next try.
            Or another process fetches the same file, or the disk has no room for it.
    """
    partial = partial_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(_lock(partial), timeout=0):
            try:
                return _try_again(url, partial, report)
            finally:
                if not _size(partial):
                    forget(path)
    except Timeout as error:
        raise DataError(f"{path}: another process is fetching it") from error


def forget(path: Path) -> None:
    """Drop what was fetched of a file."""
    partial = partial_path(path)
    for file in (partial, _notes(partial), _lock(partial)):
        file.unlink(missing_ok=True)


def _try_again(url: str, partial: Path, report: Report) -> Path:
    for tries_left in reversed(range(TRIES)):
        before = _size(partial)
        try:
            _continue(url, partial, report)
            break
        except urllib.error.HTTPError as error:
            raise DataError(f"{url}: {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            # Further tries are for connections that broke, not for those that never were.
            if not tries_left or _size(partial) == before:
                raise DataError(f"{url}: {_reason(error)}") from error
    return partial


def _continue(url: str, partial: Path, report: Report) -> None:
    have = _resumable(url, partial)
    headers = {"Range": f"bytes={have['bytes']}-", "If-Range": have["validator"]} if have else {}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE or not have:
            raise
        if error.headers["Content-Range"] == f"bytes */{have['bytes']}":
            return None  # nothing is left to fetch
        partial.unlink()
        return _continue(url, partial, report)
    with response:
        begin = have["bytes"] if have and _continues(response.headers, response.status, have["bytes"]) else 0
        total = None if response.headers["Content-Length"] is None else begin + int(response.headers["Content-Length"])
        _check_room(partial, begin, total)
        validator = response.headers["ETag"] or response.headers["Last-Modified"] or ""
        _notes(partial).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
        with partial.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.truncate()
            while piece := response.read(PIECE):
                file.write(piece)
                report(file.tell(), total)
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() != total:
                raise ConnectionError(f"the connection broke after {file.tell()} of {total} bytes")
    return None


def _resumable(url: str, partial: Path) -> dict[str, Any] | None:
    """How much there is, and by what the server knows which version it is of."""
    try:
        notes = read_object(_notes(partial), DataError)
    except DataError:
        return None
    validator, size = notes.get("validator"), _size(partial)
    # A weak validator promises the same meaning, not the same bytes.
    if notes.get("url") != url or not isinstance(validator, str) or not validator or validator.startswith("W/"):
        return None
    return {"bytes": size, "validator": validator} if size else None


def _continues(headers: Message, status: int | None, begin: int) -> bool:
    return status == PARTIAL_CONTENT and headers["Content-Range"].replace(" ", "").startswith(f"bytes{begin}-")


def _check_room(partial: Path, begin: int, total: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if total is not None and total - begin > free:
        raise DataError(f"{partial.parent}: {free} bytes are free, the file needs {total - begin} more")


def _notes(partial: Path) -> Path:
    return partial.with_suffix(".json")


def _lock(partial: Path) -> Path:
    return partial.with_suffix(".lock")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    return getattr(inner, "strerror", None) or " ".join(str(inner).split()) or type(inner).__name__
