"""The repository's own files, parsed once for the tests that read them."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "core",
    "reference",
    "backends",
    "algorithms",
    "verification",
    "training",
    "bench",
    "interface",
)


@cache
def files() -> tuple[Path, ...]:
    """Every file git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


@cache
def modules() -> tuple[Path, ...]:
    """Every Python file."""
    return tuple(path for path in files() if path.suffix == ".py")


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(), filename=str(path))


def name_of(path: Path) -> str:
    """The path as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


def is_test(path: Path) -> bool:
    """Whether a module is one that pytest collects or supports."""
    return path.name.startswith("test_") or path.name == "conftest.py" or name_of(path).startswith("tests/")


def imports(path: Path) -> list[tuple[int, int, str]]:
    """(line, level, module) of every import; level 0 is absolute."""
    found: list[tuple[int, int, str]] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, 0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` names the module in the alias.
            named = [node.module] if node.module else [alias.name for alias in node.names]
            found += [(node.lineno, node.level, module) for module in named]
    return found
