"""Guidance by the critic's gradient, and the regression targets of QSM and DAC."""

from ..spec import INFINITY, TIME, Arg, Interval, Out, Spec

GRAD = Arg("grad", shape="... A")
INV_TEMP = Arg("inv_temp", "scalar", domain=Interval(0.0, INFINITY, checked=True, drawn=(0.1, 5.0)))
POSITIVE_INV_TEMP = Arg("inv_temp", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(0.1, 5.0)))

ROWS = (
    Spec(
        name="guided_velocity",
        family="guidance",
        summary="Base velocity plus the weighted velocity of the critic's tilt; at t = 0 the base alone.",
        equation="v_base + weight ((1-t) inv_temp grad + x)/t for t > 0",
        source="QAM eqs. 58-61; no guidance at t = 0 as released",
        args=(
            Arg("v_base", shape="... A", gradient=True),
            Arg("grad", shape="... A", gradient=True),
            Arg("x", shape="... A", gradient=True),
            Arg("t", shape="... 1", domain=Interval(0.0, 1.0, drawn=(0.05, 1.0))),
            INV_TEMP,
            Arg("weight", "scalar", domain=Interval(-INFINITY, INFINITY, drawn=(0.0, 2.0))),
        ),
        returns=(Out("v", "... A"),),
        tolerance="quotient",
        identities=("GUID-1",),
    ),
    Spec(
        name="linex_loss",
        family="guidance",
        summary="Linex loss, linear where the target exceeds q by more than maximum/inv_temp; gradient to q alone.",
        equation="Δ = inv_temp (target - q);  exp(Δ) + inv_temp q if Δ ≤ maximum, else Δ",
        source="QAM eqs. 64, 70 with the cases the right way round",
        args=(
            Arg("q", shape="...", gradient=True),
            Arg("target", shape="..."),
            POSITIVE_INV_TEMP,
            Arg("maximum", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(2.0, 6.0))),
        ),
        returns=(Out("loss", "..."),),
        tolerance="exponential",
        identities=("GUID-1",),
        ties=True,
    ),
    Spec(
        name="qsm_target",
        family="guidance",
        summary="QSM's noise-prediction target: minus the tilt's score; no gradient to anything.",
        equation="-inv_temp grad",
        source="QAM eqs. 45, 48 (sign as released: the network predicts noise)",
        args=(GRAD, INV_TEMP),
        returns=(Out("target", "... A"),),
        tolerance="elementwise",
        identities=("GUID-1",),
    ),
    Spec(
        name="dac_target",
        family="guidance",
        summary="The noise prediction at which DAC's loss is smallest; no gradient to anything.",
        equation="noise - √(1-ᾱ) grad/(2 eta)",
        source="QAM eqs. 53-54 with the released √(1-ᾱ)",
        args=(
            Arg("noise", shape="... A"),
            GRAD,
            Arg("alpha_bar", shape="... 1", domain=TIME),
            Arg("eta", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(0.1, 5.0))),
        ),
        returns=(Out("target", "... A"),),
        tolerance="elementwise",
        identities=("GUID-1",),
    ),
)
