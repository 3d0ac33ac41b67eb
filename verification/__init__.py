"""Identities, agreement, derivatives and routing of every kernel; `certify` asks the same of somebody else's.

Importing this package needs none of the packages of `veloq[verify]`; using it does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .certificate import Certificate, Finding, certify

__all__ = ["Certificate", "Finding", "certify"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import certificate

        return getattr(certificate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
