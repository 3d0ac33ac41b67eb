"""Steps and samplers of the variance-preserving diffusion and of TrigFlow. Step indices run from T (noise) to 1.

A sampler's `noises` are used in order: the first belongs to step T, the last to step 2.
"""

from ..spec import Arg, Interval, Out, Spec
from .schedules import STEPS

BETA = Interval(0.0, 1.0, drawn=(0.05, 0.9))
ALPHA_BAR = Interval(0.0, 1.0, drawn=(0.05, 0.5))
ALPHA_BAR_NEXT = Interval(0.0, 1.0, drawn=(0.55, 0.95))
B_MIN = Interval(0.0, float("inf"), True, checked=True, drawn=(0.05, 0.5))
B_MAX = Interval(0.0, float("inf"), True, checked=True, drawn=(2.0, 12.0))

DENOISED = Arg("denoised", shape="... A", gradient=True)
X = Arg("x", shape="... A", gradient=True)
NOISE = Arg("noise", shape="... A", gradient=True)
SCHEDULE = (
    Arg("beta", shape="... 1", domain=BETA),
    Arg("alpha_bar", shape="... 1", domain=ALPHA_BAR),
    Arg("alpha_bar_next", shape="... 1", domain=ALPHA_BAR_NEXT),
)
SAMPLER = (
    Arg("noise_field", "field", gradient=True),
    X,
    Arg("noises", shape="T-1 ... A", gradient=True),
    Arg("b_min", "scalar", domain=B_MIN),
    Arg("b_max", "scalar", domain=B_MAX),
)


def _sampler(name: str, summary: str, equation: str, source: str, tolerance: str = "sampler") -> Spec:
    return Spec(
        name=name,
        family="diffusion",
        summary=summary,
        equation=equation,
        source=source,
        args=SAMPLER,
        returns=(Out("x1", "... A"),),
        tolerance=tolerance,
        identities=("VP-1",),
        examples=40,
    )


ROWS = (
    Spec(
        name="vp_denoise",
        family="diffusion",
        summary="Data estimate of a noise prediction.",
        equation="x̂ = (x - √(1-ᾱ) ε)/√ᾱ",
        source="QAM eq. 55, corrected (docs/errata.md)",
        args=(
            Arg("epsilon", shape="... A", gradient=True),
            X,
            Arg("alpha_bar", shape="... 1", domain=Interval(0.0, 1.0, drawn=(0.05, 0.95))),
        ),
        returns=(Out("denoised", "... A"),),
        tolerance="quotient",
        identities=("VP-1",),
    ),
    Spec(
        name="ddpm_mean",
        family="diffusion",
        summary="Mean of x_{i-1} given x_i and the data estimate.",
        equation="[√ᾱ_{i-1} β_i x̂ + √(1-β_i) (1-ᾱ_{i-1}) x]/(1-ᾱ_i)",
        source="QAM eq. 56 (misprint corrected); Ho et al. 2020 eq. 7",
        args=(DENOISED, X, *SCHEDULE),
        returns=(Out("mean", "... A"),),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    Spec(
        name="ddpm_step",
        family="diffusion",
        summary="One ancestral step with variance β_i, as QAM's QSM and DAC take it.",
        equation="ddpm_mean + √β_i noise",
        source="QAM eq. 56",
        args=(DENOISED, X, NOISE, *SCHEDULE),
        returns=(Out("x_next", "... A"),),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    Spec(
        name="ddpm_posterior_step",
        family="diffusion",
        summary="One ancestral step with the exact conditional variance, as DQL takes it.",
        equation="ddpm_mean + √(β_i (1-ᾱ_{i-1})/(1-ᾱ_i)) noise",
        source="Ho et al. 2020 eq. 7; DQL",
        args=(DENOISED, X, NOISE, *SCHEDULE),
        returns=(Out("x_next", "... A"),),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    Spec(
        name="ddim_step",
        family="diffusion",
        summary="One deterministic step to another noise level.",
        equation="√ᾱ' x̂ + √(1-ᾱ') (x - √ᾱ x̂)/√(1-ᾱ)",
        source="Song et al. 2020 eq. 12 with σ = 0",
        args=(
            DENOISED,
            X,
            Arg("alpha_bar", shape="... 1", domain=ALPHA_BAR),
            Arg("alpha_bar_next", shape="... 1", domain=ALPHA_BAR_NEXT),
        ),
        returns=(Out("x_next", "... A"),),
        tolerance="elementwise",
        identities=("VP-1",),
    ),
    _sampler(
        "dac_sample",
        "DAC's sampler: the data estimate is clipped to [-1, 1] before each step of variance β_i; no noise at i = 1.",
        "x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);  x ← ddpm_step(x̂, x, noise_i, ...)",
        "QAM eqs. 55-56",
    ),
    _sampler(
        "qsm_sample",
        "QSM's sampler as released: the step's mean is the data estimate itself, and x is clipped after each step.",
        "x ← clip(vp_denoise(ε(x, i), x, ᾱ_i) + √β_i noise_i, -1, 1)",
        "QAM eq. 51 as released (the printed equation has the DDPM mean: docs/errata.md)",
        tolerance="expanding",
    ),
    _sampler(
        "ddpm_sample",
        "DQL's sampler: clipped data estimate, exact conditional variance, no noise at i = 1.",
        "x̂ ← clip(vp_denoise(ε(x, i), x, ᾱ_i), -1, 1);  x ← ddpm_posterior_step(x̂, x, noise_i, ...)",
        "Wang et al. 2023 (DQL); Ho et al. 2020",
    ),
    Spec(
        name="ddim_sample",
        family="diffusion",
        summary="Deterministic sampler over all steps T..1, unclipped.",
        equation="x ← ddim_step(vp_denoise(ε(x, i), x, ᾱ_i), x, ᾱ_i, ᾱ_{i-1}),  ᾱ_0 = 1",
        source="Song et al. 2020 eq. 12",
        args=(
            Arg("noise_field", "field", gradient=True),
            X,
            Arg("steps", "integer", domain=STEPS),
            Arg("b_min", "scalar", domain=B_MIN),
            Arg("b_max", "scalar", domain=B_MAX),
        ),
        returns=(Out("x1", "... A"),),
        tolerance="sampler",
        identities=("VP-1",),
        examples=40,
    ),
    Spec(
        name="trigflow_sample",
        family="diffusion",
        summary="TrigFlow sampler in equal angles from pi/2 (noise) to 0 (data).",
        equation="x ← cos(d) x - sin(d) F(x, k d),  k = steps..1,  d = π/(2 steps)",
        source="DOAL eq. 8",
        args=(
            Arg("field", "field", gradient=True),
            Arg("x0", shape="... A", gradient=True),
            Arg("steps", "integer", domain=STEPS),
        ),
        returns=(Out("x1", "... A"),),
        tolerance="recursion",
        identities=("DOAL-4",),
        examples=60,
    ),
)
