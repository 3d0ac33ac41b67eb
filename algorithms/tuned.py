"""Hyper-parameters that were tuned per environment, read from tuned.toml beside this file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from ..core.errors import UsageError

Which = Literal["released", "paper", "none"]
PAPER, SOURCE, LIKE = "paper", "source", "like"  # what a method's table holds besides its domains


@dataclass(frozen=True)
class Tuned:
    """A method's values for one environment; without any, `domain` and `source` are empty."""

    values: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""
    source: str = ""


def tuned(method: str, env: str, which: Which) -> Tuned:
    """The values that were tuned for an environment.

    Args:
        method: name of the algorithm.
        env: name of the environment; of the domains that it begins with, the longest counts.
        which: the released script's values, those with the paper's over them where it prints others, or none.

    Raises:
        UsageError: `which` is none of these.
    """
    if which not in get_args(Which):
        raise UsageError(f"unknown tuned values {which!r}; known: {', '.join(get_args(Which))}")
    table = tables().get(method)
    if table is None or which == "none":
        return Tuned()
    domain = _longest(domains(table), env)
    found = Tuned(table[domain], domain, table[SOURCE]) if domain else Tuned()
    printed = table.get(PAPER, {})
    if which == "paper" and (domain := _longest(domains(printed), env)):
        values = {**found.values, **printed[domain]}
        found = Tuned(values, max(found.domain, domain, key=len), f"{table[SOURCE]}; the paper where it prints others")
    return found


def domains(table: Mapping[str, Any]) -> list[str]:
    """The domains that a table has rows for."""
    return [name for name in table if name not in (PAPER, SOURCE, LIKE)]


@cache
def tables() -> Mapping[str, Mapping[str, Any]]:
    """The whole file: method to its `source`, its rows by domain, and `paper` with further rows.

    A method that is `like` another has the other's table.
    """
    read = tomllib.loads(files(__package__).joinpath("tuned.toml").read_text(encoding="utf-8"))
    read = {method: {**read.get(table.get(LIKE, ""), {}), **table} for method, table in read.items()}
    return {method: {key: _immutable(value) for key, value in table.items()} for method, table in read.items()}


def _immutable(value: Any) -> Any:
    """Lists as tuples, which is what a Config holds."""
    if isinstance(value, dict):
        return {key: _immutable(entry) for key, entry in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _longest(names: list[str], env: str) -> str:
    return max((name for name in names if env.startswith(name)), key=len, default="")
