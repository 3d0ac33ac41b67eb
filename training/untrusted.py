"""Files are not trusted: bounded in what they may make us allocate, and every refusal names the file."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import VeloqError

# Floats and flags of real data shrink about tenfold; a bomb of the deflate method grows a thousandfold.
EXPANSION = 100
HEADROOM = 64 << 20
JSON_BYTES = 4 << 20
LINE = 300
UNOPENED = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@contextmanager
def refusing(path: Path, expected: str, kind: type[VeloqError]) -> Iterator[None]:
    """Turn whatever a parser raises about the bytes of `path` into one `kind`: PATH: damaged, not EXPECTED (REASON).

    Parsers of foreign bytes raise what they meet, from struct.error to RecursionError; only calls of such a parser
    belong inside. Errors of veloq pass as they are.
    """
    try:
        yield
    except VeloqError:
        raise
    except Exception as error:
        if isinstance(error, UNOPENED):
            raise kind(f"{path}: cannot be read ({error.strerror})") from error
        raise kind(f"{path}: damaged, not {expected} ({one_line(error)})") from error


def one_line(error: Exception) -> str:
    """What an error says, on one line of at most 300 characters; its type when it says nothing."""
    return " ".join(str(error).split())[:LINE] or type(error).__name__


def check_expansion(path: Path, declared: int, kind: type[VeloqError]) -> None:
    """Raise `kind` when a file declares more bytes than 64 MiB and a hundred times its size."""
    size = path.stat().st_size
    if declared > HEADROOM + EXPANSION * size:
        raise kind(f"{path}: declares {declared} bytes of arrays in a file of {size} bytes")


def read_object(path: Path, kind: type[VeloqError]) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        VeloqError: of the given kind, when the file cannot be read, is larger than 4 MiB or holds anything else.
    """
    with refusing(path, "JSON", kind), path.open("rb") as file:
        content = file.read(JSON_BYTES + 1)
        if len(content) > JSON_BYTES:
            raise kind(f"{path}: damaged, larger than any JSON file of veloq")
        value = json.loads(content)
    if not isinstance(value, dict):
        raise kind(f"{path}: expected a JSON object")
    return value


def check_types(path: Path, found: Mapping[str, Any], expected: Mapping[str, type], kind: type[VeloqError]) -> None:
    """Raise `kind` unless every expected key holds a value of its type; a bool is no int here."""
    for key, wanted in expected.items():
        if type(found.get(key)) is not wanted:
            raise kind(f"{path}: damaged, expected {key} to be of type {wanted.__name__}")
