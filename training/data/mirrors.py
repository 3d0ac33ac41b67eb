"""Where official files can be had: the packaged table, and the user's own before it."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from ...core.errors import DataError
from ..untrusted import refusing

TABLE = "mirrors.toml"
KINDS = ("ogbench", "d4rl")
SCHEMES = ("https", "http", "file")


def mirrors(kind: str, directory: Path) -> tuple[str, ...]:
    """Addresses under which the files of one kind of data set lie, the user's first, each once.

    Args:
        kind: "ogbench" or "d4rl".
        directory: the data directory, whose `mirrors.toml` extends the packaged table.

    Raises:
        DataError: the user's table is no TOML file of lists of addresses by kind.
    """
    tables = [read_table(path) for path in (directory / TABLE, Path(__file__).with_name(TABLE)) if path.is_file()]
    found = [address for table in tables for address in table.get(kind, ())]
    return tuple(dict.fromkeys(found))


def read_table(path: Path) -> dict[str, list[str]]:
    """A table of mirrors, addresses without a slash at the end.

    Raises:
        DataError: it is damaged, or names a kind or an address that there cannot be.
    """
    with refusing(path, "TOML", DataError):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    for kind, addresses in table.items():
        if kind not in KINDS:
            raise DataError(f"{path}: {kind!r} is no kind of data set; expected {', '.join(KINDS)}")
        if not isinstance(addresses, list) or not all(_is_address(address) for address in addresses):
            raise DataError(f"{path}: expected {kind} to be a list of addresses such as https://HOST/FOLDER")
    return {kind: [address.rstrip("/") for address in addresses] for kind, addresses in table.items()}


def _is_address(address: object) -> bool:
    if not isinstance(address, str):
        return False
    try:
        return urlsplit(address).scheme in SCHEMES
    except ValueError:  # for instance a bracket that does not close
        return False
