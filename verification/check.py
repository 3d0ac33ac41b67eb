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
        def counted(*args: Any, **kwargs: Any) -> Any:
            current().examples += 1
            return function(*args, **kwargs)

        setattr(counted, MARK, [(check_id, statement)])
        return counted  # type: ignore[return-value]

    return tag


def checks_of(function: Any) -> list[tuple[str, str]]:
    """The (id, statement) tags of a test, also through hypothesis' wrapper; empty when it has none."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return list(getattr(function, MARK, None) or getattr(inner, MARK, None) or ())
