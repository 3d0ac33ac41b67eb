"""Write docs/certify.md: the examples, and what `certify` says about them: `python docs/generate_certify.py [--check]`.

The check ignores figures, which differ a little between machines.
"""

import re
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
    lines = [line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..." for line in done.stdout.splitlines()]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent=" " * 12) or [""])


def section(title: str, example: Path) -> str:
    """The example's code and its verdict."""
    return f"## {title}\n\n```python\n{example.read_text().strip()}\n```\n\n```text\n{verdict(example)}\n```\n"


def page() -> str:
    """docs/certify.md."""
    parts = [(DOCS / "certify_preface.md").read_text()]
    return "\n".join(parts + [section(title, example) for title, example in EXAMPLES.items()])


def without_figures(text: str) -> list[str]:
    """The words of a page: code, headings, ids and verdicts."""
    return [line for line in re.findall(r"^(?:passed|FAILED|This|#|[a-z]).*$", text, re.MULTILINE) if "0." not in line]


def main(check: bool) -> int:
    """Write the page, or only say whether it is up to date."""
    text = page()
    if not check:
        PAGE.write_text(text)
        return 0
    if not PAGE.exists() or without_figures(PAGE.read_text()) != without_figures(text):
        print("out of date: certify.md; run python docs/generate_certify.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
