"""The tag that ties a test to a row of the catalogue of checks."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .record import current

F = TypeVar("F", bound=Callable[..., Any])
MARK = "veloq_checks"


def check(check_id: str, statement: str) -> Callable[[F], F]:
    """Tag a test with its check id and one-sentence statement, and count every example it is given.

    Place it directly above the test function and below `@given`. It may be repeated when one test
    establishes two statements.
    """

    def tag(function: F) -> F:
        tags = getattr(function, MARK, None)
        if tags is not None:
            tags.insert(0, (check_id, statement))
            return function

        @functools.wraps(function)
        def counting(*args: Any, **kwargs: Any) -> Any:
            current().examples += 1
            return function(*args, **kwargs)

        setattr(counting, MARK, [(check_id, statement)])
        return counting  # type: ignore[return-value]

    return tag


def covers(check_id: str, statement: str) -> Callable[[F], F]:
    """Like `check`, for a test that holds a property of its own inside, whose examples `counted` counts."""

    def tag(function: F) -> F:
        setattr(function, MARK, [(check_id, statement), *getattr(function, MARK, [])])
        return function

    return tag


def counted(function: F) -> F:
    """Count every example given to a property inside a test tagged by `covers`."""

    @functools.wraps(function)
    def counting(*args: Any, **kwargs: Any) -> Any:
        current().examples += 1
        return function(*args, **kwargs)

    return counting  # type: ignore[return-value]


def checks_of(function: Any) -> list[tuple[str, str]]:
    """The (id, statement) tags of a test, also through hypothesis' wrapper; empty when it has none."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return list(getattr(function, MARK, None) or getattr(inner, MARK, None) or ())
