"""The Spec rows, one module per kernel family, joined into one table."""

from ..spec import table
from . import (
    adjoint,
    diffusion,
    distributional,
    guidance,
    meanflow,
    paths,
    policies,
    schedules,
    solvers,
    target_actions,
    value_targets,
)

FAMILIES = (
    paths,
    schedules,
    solvers,
    diffusion,
    adjoint,
    meanflow,
    target_actions,
    value_targets,
    distributional,
    guidance,
    policies,
)

SPECS = table(*(family.ROWS for family in FAMILIES))
