"""Hypothesis profiles: `dev` answers within minutes, `ci` is derandomised and runs the stated counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings

DEV_FRACTION = 10
FEWEST = 5
ALL_EXAMPLES = ("ci", "retrial")

_SLOW_BY_DESIGN = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
_chosen: dict[str, Any] = {"profile": "dev", "examples": 0}

_SEARCH = (Phase.explicit, Phase.generate)
for _name, _derandomize, _phases in (
    ("dev", False, (*_SEARCH, Phase.shrink)),
    ("ci", True, (*_SEARCH, Phase.shrink)),
    ("certify", True, (*_SEARCH, Phase.shrink)),
    ("trial", True, _SEARCH),
    ("retrial", True, _SEARCH),
):
    settings.register_profile(
        _name,
        deadline=None,
        derandomize=_derandomize,
        database=None,
        phases=_phases,
        report_multiple_bugs=False,
        suppress_health_check=_SLOW_BY_DESIGN,
    )


def choose(profile: str, override: int | None = None) -> None:
    """Load a profile; must happen before the test modules are imported.

    Args:
        profile: "dev"; "ci"; "certify" for other people's kernels, repeatable; "trial" for kernels known to be
            faulty, where the first failure is enough and is not made smaller; "retrial" the same with all examples.
        override: a number of examples for every check, or None for the stated counts.
    """
    _chosen.update(profile=profile, examples=override or 0)
    settings.load_profile(profile)


@contextmanager
def in_force(profile: str) -> Iterator[None]:
    """A profile for a while, without an override."""
    before = profile_name(), override()
    choose(profile)
    try:
        yield
    finally:
        choose(*before)


def examples(count: int) -> int:
    """How many examples to draw where the `ci` profile draws `count`; most others draw about a tenth."""
    if _chosen["examples"]:
        return int(_chosen["examples"])
    if _chosen["profile"] in ALL_EXAMPLES:
        return count
    return min(count, max(FEWEST, count // DEV_FRACTION))


def override() -> int | None:
    """The number of examples asked for every check, if one was."""
    return int(_chosen["examples"]) or None


def profile_name() -> str:
    """The profile in force."""
    return str(_chosen["profile"])
