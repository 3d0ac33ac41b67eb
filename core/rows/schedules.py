"""Noise schedules and distributions of flow times."""

from ..spec import INFINITY, REAL, TIME, Arg, Interval, Out, Spec

STEPS = Interval(1, INFINITY, checked=True, drawn=(1, 12))

ROWS = (
    Spec(
        name="vp_schedule",
        family="schedules",
        summary="Variance-preserving schedule; entry i-1 belongs to diffusion step i = 1..steps.",
        equation="β_i = 1 - exp(-b_min/T - (b_max-b_min)(2i-1)/(2T²)),  α = 1-β,  ᾱ_i = Π_{j≤i} α_j",
        source="QAM eqs. 46-47 (there i counts from 0)",
        args=(
            Arg("steps", "integer", domain=STEPS),
            Arg("b_min", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(0.01, 1.0))),
            Arg("b_max", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(2.0, 20.0))),
        ),
        returns=(Out("beta", "T"), Out("alpha", "T"), Out("alpha_bar", "T")),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    Spec(
        name="memoryless_sigma",
        family="schedules",
        summary="Noise scale of the memoryless SDE, shifted by one step so that t = 0 is not a pole.",
        equation="σ(t) = √(2 (1-t+h)/(t+h))",
        source="QAM eq. 7; the shift by h is the released code's",
        args=(
            Arg("t", shape="...", domain=TIME),
            Arg("h", "scalar", domain=Interval(0.0, 1.0, True, checked=True, drawn=(0.01, 1.0))),
        ),
        returns=(Out("sigma", "..."),),
        tolerance="elementwise",
        identities=("ADJ-7",),
    ),
    Spec(
        name="logit_normal",
        family="schedules",
        summary="Logit-normal times from standard normal draws.",
        equation="sigmoid(mean + std · normals)",
        source="OFQL section 4; MeanFlow",
        args=(
            Arg("normals", shape="...", domain=REAL),
            Arg("mean", "scalar", domain=Interval(-2.0, 2.0)),
            Arg("std", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(0.1, 3.0))),
        ),
        returns=(Out("time", "..."),),
        tolerance="elementwise",
        identities=("MF-7",),
    ),
    Spec(
        name="meanflow_times",
        family="schedules",
        summary="Pairs t ≤ r from two draws of the paper's (reversed) time; a leading fraction gets r = t.",
        equation="t = 1 - max(a, b),  r = 1 - min(a, b);  r := t on the first ⌊same · B⌋ rows (up to rounding)",
        source="OFQL section 4 and app. B; MeanFlow; time reversed to 0 = noise",
        args=(
            Arg("a", shape="B 1", domain=Interval(0.0, 1.0)),
            Arg("b", shape="B 1", domain=Interval(0.0, 1.0)),
            Arg("same", "scalar", domain=Interval(0.0, 1.0, checked=True)),
        ),
        returns=(Out("t", "B 1"), Out("r", "B 1")),
        tolerance="elementwise",
        identities=("MF-7",),
    ),
)
