"""Tables for a person on a terminal, and as plain lines elsewhere."""

import importlib.util
import sys
from collections.abc import Iterable, Sequence


def show(table: Iterable[Sequence[str]]) -> None:
    """Print rows of cells, the first row as head."""
    head, *rows = ([" ".join(cell.split()) for cell in row] for row in table)
    if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
        _draw(head, rows)
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _draw(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in head:
        table.add_column(name, no_wrap=name == head[0], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
