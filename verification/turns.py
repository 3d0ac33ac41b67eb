"""Long checks take turns: a run that is told the day does that day's share of them and skips the rest by name."""

from collections import Counter
from collections.abc import Iterable

import pytest

MARK = "turns"
MEANING = f"{MARK}(days): long, done on one day in `days` where --day is given"


def take_turns(items: Iterable[pytest.Item], day: int) -> None:
    """Skip what is marked and is another day's.

    Args:
        items: what was collected, in the same order in every run of the same tree.
        day: any whole number; consecutive ones cover everything.
    """
    place: Counter[tuple[str, int]] = Counter()
    for item in items:
        mark = item.get_closest_marker(MARK)
        if mark is None:
            continue
        (days,) = mark.args
        file = (item.nodeid.partition("::")[0], days)
        if (place[file] - day) % days:
            item.add_marker(pytest.mark.skip(reason=f"another day's: one in {days} runs with --day, all without it"))
        place[file] += 1
