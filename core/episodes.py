"""The episodes of a data set, and where windows may start in them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Episodes(NamedTuple):
    """First row of each episode, (E,), and at how many rows from there on a window may start, (E,); int32."""

    first: Any
    starts: Any


def episodes_of(terminals: npt.ArrayLike, chunk: int) -> Episodes:
    """The episodes in which windows of `chunk` rows start, as RQL's released code samples them.

    An episode's last row starts no window, unless it is the only one. Windows may leave their episode but not the
    data, so that the last episode is left out where it is shorter than `chunk`, and gives fewer starts elsewhere.

    Args:
        terminals: (N,), N >= chunk, not 0 on the last row of each episode; the last row of all ends one anyway.
        chunk: rows of a window.
    """
    rows = len(np.asarray(terminals))
    ends = np.union1d(np.flatnonzero(terminals), rows - 1)
    first = np.append(0, ends[:-1] + 1)
    last_start = np.minimum(np.maximum(ends - 1, first), rows - chunk)
    starts = last_start - first + 1
    return Episodes(*(part[starts > 0].astype(np.int32) for part in (first, starts)))
