"""The table of planted faults, one module per kernel family."""

from ..fault import Fault
from . import adjoint

FAULTS: tuple[Fault, ...] = tuple(fault for family in (adjoint,) for fault in family.FAULTS)
