"""The table of faults in the methods' files, one module per family of methods."""

from ..method_fault import MethodFault
from . import (
    methods_actors,
    methods_denoising,
    methods_diffusion,
    methods_doal,
    methods_evor,
    methods_expanded,
    methods_flows,
    methods_guidance,
    methods_qam,
    methods_steering,
)

_MODULES = (
    methods_actors,
    methods_denoising,
    methods_diffusion,
    methods_doal,
    methods_evor,
    methods_expanded,
    methods_flows,
    methods_guidance,
    methods_qam,
    methods_steering,
)
METHOD_FAULTS: tuple[MethodFault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
