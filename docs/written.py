"""What every generator of a page does with its text: write it, or only say that the page is out of date."""

from collections.abc import Mapping
from pathlib import Path


def written(texts: Mapping[Path, str], check: bool, generator: str) -> int:
    """Write each text to its file; with `check` only compare.

    Args:
        texts: what each file should hold.
        check: change nothing.
        generator: the script to run, named when something is out of date.

    Returns:
        The exit code: 1 if `check` found a file out of date.
    """
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        print(f"out of date: {', '.join(path.name for path in stale)}; run python docs/{Path(generator).name}")
        return 1
    for path in stale:
        path.write_text(texts[path], encoding="utf-8")
    return 0
