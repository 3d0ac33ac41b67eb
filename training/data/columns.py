"""The columns of a data file as data: what each must be, and one line for each way in which it is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Column:
    """One key of a file: (rows,) or (rows, features) of one of the dtype kinds.

    A flag is 0 or 1; `limit` bounds magnitudes.
    """

    dimensions: int
    kinds: str = "f"
    required: bool = True
    flag: bool = False
    limit: float = np.inf


Layout = Mapping[str, Column]
FLAG = Column(1, "biuf", flag=True)
# The rounding of float32 is forgiven.
ACTIONS = Column(2, limit=1 + 1e-6)


def column_findings(layout: Layout, columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[str]:
    """What keeps columns from having this layout, one line each; `terminals` says how many rows there are."""
    missing = [key for key, column in layout.items() if column.required and key not in columns]
    if missing:
        required = [key for key, column in layout.items() if column.required]
        yield f"missing key {', '.join(missing)}; expected {', '.join(required)}"
    present = [key for key in sorted(layout, key=lambda key: key != "terminals") if key in columns]
    rows = next((len(columns[key]) for key in present if columns[key].ndim == layout[key].dimensions), 0)
    for key in layout:
        if key in columns and (finding := _finding(layout[key], columns[key], rows)):
            yield f"{key}: {finding}"


def _finding(expected: Column, column: npt.NDArray[Any], rows: int) -> str | None:
    if column.ndim != expected.dimensions or len(column) != rows or 0 in column.shape:
        shape = "rows" if expected.dimensions == 1 else "rows, features"
        return f"shape {column.shape}, expected ({shape}) with {rows} rows"
    if column.dtype.kind not in expected.kinds:
        return f"dtype {column.dtype} not expected here"
    if column.dtype.kind == "f":
        with np.errstate(over="ignore"):
            finite = np.isfinite(column.astype(np.float32, copy=False)).reshape(rows, -1).all(axis=1)
        if not finite.all():
            return f"NaN or infinite value, first in row {int(np.argmin(finite))}"
    if expected.flag and not np.isin(column, (0, 1)).all():
        return "values other than 0 and 1"
    if expected.limit < np.inf and (largest := np.abs(column).max()) > expected.limit:
        return f"value {largest:.3g} outside [-1, 1]"
    return None
