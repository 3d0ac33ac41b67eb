"""Write docs/errata.md and docs/derivations/ from verification/errata: `python docs/generate_errata.py [--check]`.

The check compares text; of the plots it asks only that they are there.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from veloq.verification.errata import KINDS, PAPERS, Erratum, derivation_plots, derivations

DOCS = Path(__file__).resolve().parent
COLUMNS = ("where", "it says", "released code", "right", "here", "shown by")
LINE = "|" + "---|" * len(COLUMNS)


def counts() -> str:
    """How many rows of each kind each paper has."""
    lines = [f"| paper | {' | '.join(KINDS)} | rows |", "|---|" + "---|" * (len(KINDS) + 1)]
    total: Counter[str] = Counter()
    for paper, rows in PAPERS.items():
        found = Counter(row.kind for row in rows)
        total += Counter({kind: found[kind] for kind in KINDS})
        lines.append(
            f"| [{paper}](#{paper.lower()}) | {' | '.join(str(found[kind]) for kind in KINDS)} | {len(rows)} |"
        )
    lines.append(f"| all | {' | '.join(str(total[kind]) for kind in KINDS)} | {sum(total.values())} |")
    return "\n".join(lines)


def line(row: Erratum) -> str:
    """One row of a paper's table."""
    shown = f"{row.check}: {row.numbers()}" if row.evidence else row.check
    # Stars are the papers', except around the kind.
    cells = [cell.replace("*", r"\*") for cell in (row.equation, row.says, row.released, row.right, row.here, shown)]
    cells[0] += f" (*{row.kind}*)"
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """docs/errata.md."""
    parts = [(DOCS / "errata_preface.md").read_text(encoding="utf-8"), counts() + "\n"]
    for paper, rows in PAPERS.items():
        table = [f"| {' | '.join(COLUMNS)} |", LINE, *(line(row) for row in rows)]
        parts.append(f"## {paper}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def texts() -> dict[Path, str]:
    """Every generated text by its file."""
    pages = {DOCS / "errata.md": page()}
    for name, numbers in derivations.NUMBERS.items():
        template = (DOCS / "derivations" / "text" / f"{name}.md").read_text(encoding="utf-8")
        pages[DOCS / "derivations" / f"{name}.md"] = derivations.filled(template, numbers())
    return pages


def plots() -> dict[Path, Callable[[Path], None]]:
    """What draws each plot, by its file."""
    return {DOCS / "images" / f"{name}.png": draw for name, draw in derivation_plots.PLOTS.items()}


def main(check: bool) -> int:
    """Write the texts and plots, or only say whether they are up to date."""
    stale = [path for path, text in texts().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    missing = [path for path in plots() if not path.exists()]
    if check and (stale or missing):
        names = ", ".join(path.name for path in (*stale, *missing))
        print(f"out of date: {names}; run python docs/generate_errata.py")
        return 1
    if not check:
        for path, text in texts().items():
            path.write_text(text, encoding="utf-8")
        for path, draw in plots().items():
            draw(path)
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
