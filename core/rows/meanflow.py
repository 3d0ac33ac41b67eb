"""MeanFlow in library time: u(x, t, r), t ≤ r, is the average velocity from t to r."""

from ..spec import TIME, Arg, Out, Spec

U = Arg("u", "average_field")

ROWS = (
    Spec(
        name="meanflow_target",
        family="meanflow",
        summary="Regression target of the average velocity; no gradient to anything.",
        equation="v + (r-t) D u,  D u = JVP of u at (x_t, t, r) along (v, 1, 0)",
        source="OFQL eqs. 13-14 (time reversed to 0 = noise)",
        args=(
            U,
            Arg("x_t", shape="... A"),
            Arg("v", shape="... A"),
            Arg("t", shape="... 1", domain=TIME),
            Arg("r", shape="... 1", domain=TIME),
        ),
        returns=(Out("target", "... A"),),
        tolerance="derivative",
        identities=("MF-1", "MF-2", "MF-5"),
        examples=60,
    ),
    Spec(
        name="meanflow_sample",
        family="meanflow",
        summary="Data from noise in one step.",
        equation="x1 = x0 + u(x0, 0, 1)",
        source="OFQL section 4 (time reversed to 0 = noise)",
        args=(Arg("u", "average_field", gradient=True), Arg("x0", shape="... A", gradient=True)),
        returns=(Out("x1", "... A"),),
        tolerance="network",
        identities=("MF-4", "MF-3", "MF-5", "MF-6"),
        examples=60,
    ),
)
