"""Paths between noise and data, and the regression losses that live on them."""

from ..spec import ANGLE, TIME, Arg, Interval, Out, Spec

ALPHA_BAR = Interval(0.0, 1.0, drawn=(0.01, 0.99))

ROWS = (
    Spec(
        name="linear_path",
        family="paths",
        summary="Point and velocity of the straight path from noise to data.",
        equation="x_t = (1-t) x0 + t x1,  v = x1 - x0",
        source="QAM section 3; Lipman et al. 2022",
        args=(
            Arg("x0", shape="... A", gradient=True),
            Arg("x1", shape="... A", gradient=True),
            Arg("t", shape="... 1", domain=TIME, gradient=True),
        ),
        returns=(Out("x_t", "... A"), Out("v", "... A")),
        tolerance="elementwise",
        identities=("FM-1",),
    ),
    Spec(
        name="flow_matching_loss",
        family="paths",
        summary="Squared error of a velocity against the straight path's, averaged over action dimensions.",
        equation="mean_dims (v - (x1 - x0))²",
        source="QAM eq. 4 (released code averages over dimensions)",
        args=(
            Arg("v", shape="... A", gradient=True),
            Arg("x0", shape="... A"),
            Arg("x1", shape="... A"),
        ),
        returns=(Out("loss", "..."),),
        tolerance="loss",
        identities=("FM-1",),
    ),
    Spec(
        name="trigflow_path",
        family="paths",
        summary="Point and angular velocity of the quarter circle from data (angle 0) to noise (angle pi/2).",
        equation="x = cos(angle) x1 + sin(angle) x0,  dx = cos(angle) x0 - sin(angle) x1",
        source="DOAL eq. 5",
        args=(
            Arg("x0", shape="... A", gradient=True),
            Arg("x1", shape="... A", gradient=True),
            Arg("angle", shape="... 1", domain=ANGLE, gradient=True),
        ),
        returns=(Out("x_t", "... A"), Out("dx", "... A")),
        tolerance="elementwise",
        identities=("DOAL-4",),
    ),
    Spec(
        name="trigflow_denoise",
        family="paths",
        summary="Data estimate of a TrigFlow network output.",
        equation="x1 = cos(angle) x - sin(angle) F",
        source="DOAL eq. 7",
        args=(
            Arg("F", shape="... A", gradient=True),
            Arg("x", shape="... A", gradient=True),
            Arg("angle", shape="... 1", domain=ANGLE, gradient=True),
        ),
        returns=(Out("x1", "... A"),),
        tolerance="elementwise",
        identities=("DOAL-4",),
    ),
    Spec(
        name="vp_path",
        family="paths",
        summary="Point of the variance-preserving diffusion.",
        equation="x = √ᾱ x1 + √(1-ᾱ) noise",
        source="QAM section B (below eq. 45)",
        args=(
            Arg("x1", shape="... A", gradient=True),
            Arg("noise", shape="... A", gradient=True),
            Arg("alpha_bar", shape="... 1", domain=ALPHA_BAR),
        ),
        returns=(Out("x", "... A"),),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    Spec(
        name="ddpm_loss",
        family="paths",
        summary="Squared error of a noise prediction, averaged over action dimensions.",
        equation="mean_dims (prediction - noise)²",
        source="QAM eq. 49 (released code averages over dimensions)",
        args=(Arg("prediction", shape="... A", gradient=True), Arg("noise", shape="... A")),
        returns=(Out("loss", "..."),),
        tolerance="loss",
        identities=("VP-1",),
    ),
)
