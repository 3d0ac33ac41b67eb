"""Write docs/certify.md: the examples, and what `certify` says about them: `python docs/generate_certify.py [--check]`.

What it says is checked by tests/test_certify.py; its figures and inputs differ a little between machines and versions.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "certify.md"
EXAMPLES = {
    "A lean adjoint with the Jacobian at the wrong state": DOCS / "examples" / "certify_lean_adjoint.py",
    "A MeanFlow target that leaks": DOCS / "examples" / "certify_meanflow.py",
}
WIDTH = 118
LONGEST = 4 * WIDTH


def verdict(example: Path) -> str:
    """What the example prints, in a process of its own."""
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, check=True)
    lines = [line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..." for line in done.stdout.strip().splitlines()]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent=" " * 12) or [""])


def heading(title: str, example: Path) -> str:
    """The example's title and code."""
    return f"## {title}\n\n```python\n{example.read_text().strip()}\n```\n"


def section(title: str, example: Path) -> str:
    """The example and its verdict."""
    return f"{heading(title, example)}\n```text\n{verdict(example)}\n```\n"


def page() -> str:
    """docs/certify.md."""
    parts = [(DOCS / "certify_preface.md").read_text()]
    return "\n".join(parts + [section(title, example) for title, example in EXAMPLES.items()])


def main(check: bool) -> int:
    """Write the page; or only say whether its words and examples are up to date, without running the examples."""
    if not check:
        PAGE.write_text(page())
        return 0
    written = PAGE.read_text() if PAGE.exists() else ""
    parts = [(DOCS / "certify_preface.md").read_text(), *(heading(*example) for example in EXAMPLES.items())]
    if not all(part in written for part in parts):
        print("out of date: certify.md; run python docs/generate_certify.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
