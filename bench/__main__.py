"""`veloq bench`: time kernels and updates, store the figures as JSON, compare with the last stored run.

Without a section it times every kernel and the updates of six methods, each against its control. A section alone
measures only that.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import place
from .record import Record, last_run, record, store

SECTIONS = ("scaling", "evaluation", "memory", "compile", "portions")


def main(argv: list[str] | None = None) -> int:
    """Run, store and compare; the exit code is pytest's."""
    options = _options(argv)
    os.environ[place.DEVICE], os.environ[place.PRECISION] = options.device or _present(), options.precision
    if options.full:
        os.environ[place.FULL] = "1"
    chosen = SECTIONS if options.all else [name for name in SECTIONS if getattr(options, name)]
    code, raw = 0, None
    if options.all or not chosen:
        code, raw = _cases(_selection(options))
        if raw is None:
            return code or 1
    console = Console()
    sections = {}
    for name in chosen:
        console.print(f"measuring {name}")
        sections[name] = list(_section(name, options))
    made = record(raw, sections)
    before = last_run(options.output, made)
    path = store(made, options.output)
    _show(console, made, before)
    console.print(f"stored {path}" + (f", compared with {before['when']}" if before and raw else ""))
    return code


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="veloq bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("bench/results"), help="folder of the stored runs")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where torch sees it")
    parser.add_argument("--precision", choices=("highest", "fast"), default="highest", help="of matrix products")
    parser.add_argument("-k", dest="select", default="", help="pytest expression that selects cases")
    parser.add_argument("--methods", action="store_true", help="time one update of every method, and nothing else")
    parser.add_argument("--full", action="store_true", help="every method at every size and number of seeds")
    parser.add_argument("--all", action="store_true", help="the cases and every section")
    parser.add_argument("--scaling", action="store_true", help="section: time against each size")
    parser.add_argument("--mapped-rows", type=int, default=10_000_000, help="of the largest file on disk (400 B each)")
    parser.add_argument("--portions", action="store_true", help="section: portions of a large set on disk")
    parser.add_argument("--portion-rows", type=int, default=10_000_000, help="of that set (265 B each)")
    parser.add_argument("--evaluation", action="store_true", help="section: episodes against environments")
    parser.add_argument("--episodes", type=int, default=8, help="of the section evaluation")
    parser.add_argument("--memory", action="store_true", help="section: peak memory for one and eight seeds")
    parser.add_argument("--compile", action="store_true", help="section: compile time, cache empty and filled")
    return parser.parse_args(argv)


def _present() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _selection(options: argparse.Namespace) -> str:
    kind = "test_method_update" if options.methods else "not test_method_update"
    return f"({kind}) and ({options.select})" if options.select else kind


def _cases(select: str) -> tuple[int, dict[str, Any] | None]:
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "benchmark.json"
        arguments = ["--pyargs", "veloq.bench", "-q", "-p", "no:cacheprovider", "--benchmark-disable-gc"]
        # What a framework says about itself is no failure of a measurement.
        arguments += ["-W", "ignore::DeprecationWarning"]
        arguments += ["--benchmark-max-time=0.1", "--benchmark-min-rounds=3", "--benchmark-quiet"]
        code = int(pytest.main([*arguments, f"--benchmark-json={raw}", "-k", select]))
        written = raw.exists() and raw.read_text().strip()
        return code, json.loads(written) if written else None


def _section(name: str, options: argparse.Namespace) -> Iterable[Any]:
    from .evaluating import evaluation
    from .portions import portions
    from .processes import compilation, memory
    from .scaling import scaling

    measures: dict[str, Callable[[], Iterable[Any]]] = {
        "scaling": lambda: scaling(options.mapped_rows),
        "evaluation": lambda: evaluation(options.episodes),
        "memory": memory,
        "compile": compilation,
        "portions": lambda: portions(options.portion_rows),
    }
    return measures[name]()


def _show(console: Console, made: Record, before: Record | None) -> None:
    """Print milliseconds by case and the ratio to the earlier run, then the rows of each section."""
    console.print(f"{made['device']}, {made['precision']}, {made['versions']}")
    if made["median_seconds"]:
        earlier = before["median_seconds"] if before else {}
        rows = [
            (name, f"{1000 * seconds:.3f}", f"{seconds / earlier[name]:.2f}" if name in earlier else "")
            for name, seconds in made["median_seconds"].items()
        ]
        _table(console, "cases", ("case", "ms", "of last run"), rows)
    for name, found in made["sections"].items():
        _table(console, name, tuple(found[0]), [tuple(_shown(cell) for cell in row.values()) for row in found])


def _table(console: Console, title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(title=title)
    for name in head:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _shown(cell: Any) -> str:
    if isinstance(cell, list):
        return " ".join(map(_shown, cell))
    return f"{cell:.4g}" if isinstance(cell, float) else "–" if cell is None else str(cell)


if __name__ == "__main__":
    sys.exit(main())
