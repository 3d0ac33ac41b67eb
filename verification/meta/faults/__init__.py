"""The table of planted faults, one module per kernel family."""

from ..fault import Fault
from . import (
    adjoint,
    chunk_returns,
    control,
    diffusion,
    diffusion_samplers,
    distributional,
    guidance,
    meanflow,
    paths,
    policies,
    reversal,
    schedules,
    solvers,
    target_actions,
    value_targets,
)

_MODULES = (
    adjoint,
    chunk_returns,
    control,
    diffusion,
    diffusion_samplers,
    distributional,
    guidance,
    meanflow,
    paths,
    policies,
    reversal,
    schedules,
    solvers,
    target_actions,
    value_targets,
)
FAULTS: tuple[Fault, ...] = tuple(fault for module in _MODULES for fault in module.FAULTS)
