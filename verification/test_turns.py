"""Checks that take turns: every day its share, in consecutive days everything, and what is not marked always."""

from typing import Any

import pytest

from veloq.verification.turns import take_turns


class Collected:
    """What `take_turns` sees of a test; `marks` are those it was given."""

    def __init__(self, nodeid: str, days: int | None) -> None:
        self.nodeid, self.days, self.marks = nodeid, days, list[Any]()

    def get_closest_marker(self, name: str) -> Any:
        return None if self.days is None else getattr(pytest.mark, name)(self.days).mark

    def add_marker(self, mark: Any) -> None:
        self.marks.append(mark)


def done(day: int) -> set[str]:
    """Who runs on a day: seven of one file in tenths, six of another in thirds, one always."""
    rows = [(f"faults::{n}", 10) for n in range(7)] + [(f"training::{n}", 3) for n in range(6)] + [("always", None)]
    items: Any = [Collected(*row) for row in rows]
    take_turns(items, day)
    return {item.nodeid for item in items if not item.marks}


@pytest.mark.parametrize("first", [0, 9, 739_584])
def test_consecutive_days_cover_everything_once(first: int) -> None:
    days = [done(day) for day in range(first, first + 30)]
    assert all("always" in each for each in days)
    for nodeid, share in (("faults::6", 3), ("training::0", 10), ("training::5", 10)):
        assert sum(nodeid in each for each in days) == share
    assert {sum(name.startswith("training") for name in each) for each in days} == {2}
    assert set.union(*days[:10]) == set.union(*days)
