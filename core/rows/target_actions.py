"""DOAL: regress towards an action moved along the critic's gradient."""

from ..spec import Arg, Interval, Out, Spec

ROWS = (
    Spec(
        name="action_gradient",
        family="target_actions",
        summary="Gradient of the aggregated critic at each action; no gradient to anything.",
        equation="∇_a aggregate(critic(a))",
        source="DOAL eqs. 14, 16",
        args=(
            Arg("critic", "critic"),
            Arg("a", shape="... A", domain=Interval(-1.0, 1.0)),
            Arg("aggregate", "aggregate"),
        ),
        returns=(Out("grad", "... A"),),
        tolerance="derivative",
        identities=("DOAL-1", "DOAL-3"),
        examples=60,
    ),
    Spec(
        name="batch_normalized_target",
        family="target_actions",
        summary="Action moved by delta in units of the batch's mean gradient norm; a zero gradient moves nothing.",
        equation="a + delta · grad / mean_batch ‖grad‖₂",
        source="DOAL eqs. 14, 16 (the mean of the norm, not of its square)",
        args=(
            Arg("a", shape="... A", domain=Interval(-1.0, 1.0)),
            Arg("grad", shape="... A"),
            Arg("delta", "scalar", domain=Interval(0.0, float("inf"), checked=True, drawn=(0.0, 1.0))),
        ),
        returns=(Out("a_target", "... A"),),
        tolerance="reduction",
        identities=("DOAL-2", "DOAL-3"),
    ),
)
