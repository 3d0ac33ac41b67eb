"""The table of faults in the methods' files, one module per family of methods."""

from ..method_fault import MethodFault
from . import methods_denoising, methods_expanded, methods_qam

_MODULES = (methods_denoising, methods_expanded, methods_qam)
METHOD_FAULTS: tuple[MethodFault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
