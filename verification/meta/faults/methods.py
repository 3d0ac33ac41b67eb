"""The table of faults in the methods' files, one module per family of methods."""

from ..method_fault import MethodFault
from . import (
    methods_actors,
    methods_flows,
    methods_qam,
)

_MODULES = (
    methods_actors,
    methods_flows,
    methods_qam,
)
from . import methods_guidance, methods_qam, methods_steering

_MODULES = (methods_guidance, methods_qam, methods_steering)
from . import methods_doal, methods_qam

_MODULES = (methods_doal, methods_qam)
from . import methods_diffusion, methods_qam

_MODULES = (methods_diffusion, methods_qam)
from . import methods_evor, methods_qam

_MODULES = (methods_evor, methods_qam)
from . import methods_denoising, methods_expanded, methods_qam

_MODULES = (methods_denoising, methods_expanded, methods_qam)
METHOD_FAULTS: tuple[MethodFault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
