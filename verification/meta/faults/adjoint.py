"""Faults of the adjoint-matching kernels."""

from ..fault import Edit, Fault

FAULTS = (
    Fault(
        what="lean adjoint without the factor 2 of the memoryless drift",
        kind="factor",
        kernel="lean_adjoint",
        caught_by="ADJ-3",
        reference=Edit("2.0 * evaluate", "evaluate", inside="_drift_jacobian"),
        jax=Edit("2 * jvp", "jvp"),
        torch=Edit("2 * h", "h"),
    ),
)
