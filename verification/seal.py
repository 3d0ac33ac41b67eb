"""A report carries the hash of its own contents, so that a changed figure is noticed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import UsageError

KEY = "sha256"


def digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of everything but the hash itself, as JSON with sorted keys and no spaces."""
    contents = {name: value for name, value in report.items() if name != KEY}
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with its hash."""
    return {**report, KEY: digest(report)}


def check_report(path: Path) -> str:
    """Read a stored report and compare its hash with its contents.

    Returns:
        The hash.

    Raises:
        UsageError: it is not a report, or it was changed since it was written.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not a verification report: {error}") from error
    if not isinstance(report, dict) or KEY not in report:
        raise UsageError(f"{path}: not a verification report: it holds no {KEY}")
    found = digest(report)
    if found != report[KEY]:
        raise UsageError(f"{path}: changed since it was written: it says {report[KEY]}, its contents have {found}")
    return found
