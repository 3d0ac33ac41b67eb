"""Gaussian policies and the temperature of maximum-entropy methods."""

from ..spec import Arg, Interval, Out, Spec

LOG_STD = Arg("log_std", shape="... A", domain=Interval(-2.0, 1.0), gradient=True)
MEAN = Arg("mean", shape="... A", gradient=True)

ROWS = (
    Spec(
        name="tanh_normal",
        family="policies",
        summary="Tanh-squashed Gaussian action and its log-density, summed over dimensions.",
        equation="u = mean + exp(log_std) noise,  a = tanh u,  log p = Σ [log N(u) - log(1 - tanh² u)]",
        source="QAM eqs. 30, 77; Haarnoja et al. 2018 app. C",
        args=(MEAN, LOG_STD, Arg("noise", shape="... A", gradient=True)),
        returns=(Out("action", "... A"), Out("log_prob", "...")),
        tolerance="exponential",
        identities=("POL-1",),
    ),
    Spec(
        name="gaussian_log_prob",
        family="policies",
        summary="Log-density of a diagonal Gaussian, summed over dimensions.",
        equation="-½ Σ [((x-mean)/std)² + 2 log_std + log 2π]",
        source="DOAL eq. 2",
        args=(Arg("x", shape="... A", gradient=True), MEAN, LOG_STD),
        returns=(Out("log_prob", "..."),),
        tolerance="exponential",
        identities=("POL-1",),
    ),
    Spec(
        name="entropy_temperature_loss",
        family="policies",
        summary="Loss of the entropy temperature exp(log_temp), per sample; gradient to log_temp alone.",
        equation="exp(log_temp) (-log_prob - target_entropy)",
        source="QAM section B (FEdit, RLPD); Haarnoja et al. 2018 eq. 18",
        args=(
            Arg("log_temp", "scalar", domain=Interval(-5.0, 2.0), gradient=True),
            Arg("log_prob", shape="..."),
            Arg("target_entropy", "scalar", domain=Interval(-10.0, 10.0)),
        ),
        returns=(Out("loss", "..."),),
        tolerance="exponential",
        identities=("POL-1",),
    ),
)
