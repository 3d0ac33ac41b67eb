"""Temporal-difference targets, expectiles and returns of action chunks."""

from ..spec import FLAG, INFINITY, Arg, Interval, Out, Spec

Q = Arg("q", shape="K ...", gradient=True)
REWARD = Arg("reward", shape="...")
Q_NEXT = Arg("q_next", shape="K ...")
MASK = Arg("mask", shape="...", domain=FLAG, discrete=True)
DISCOUNT = Arg("discount", "scalar", domain=Interval(0.0, 1.0, checked=True))
RHO = Arg("rho", "scalar", domain=Interval(0.0, INFINITY, checked=True, drawn=(0.0, 2.0)))

ROWS = (
    Spec(
        name="ensemble_mean",
        family="value_targets",
        summary="Mean over ensemble members.",
        equation="mean_K q",
        source="QAM eq. 26",
        args=(Q,),
        returns=(Out("value", "..."),),
        tolerance="reduction",
        identities=("VAL-1",),
    ),
    Spec(
        name="ensemble_min",
        family="value_targets",
        summary="Minimum over ensemble members.",
        equation="min_K q",
        source="DOAL section 2 (clipped double Q)",
        args=(Q,),
        returns=(Out("value", "..."),),
        tolerance="exact",
        identities=("VAL-1",),
        ties=True,
    ),
    Spec(
        name="ensemble_lower_bound",
        family="value_targets",
        summary="Pessimistic value: mean minus rho population standard deviations; finite gradient where all agree.",
        equation="mean_K q - rho √(mean_K (q - mean_K q)²)",
        source="QAM eq. 26 (population std as released)",
        args=(Q, RHO),
        returns=(Out("value", "..."),),
        tolerance="reduction",
        identities=("VAL-1",),
    ),
    Spec(
        name="td_target_pessimistic",
        family="value_targets",
        summary="Pessimistic temporal-difference target; no gradient to anything.",
        equation="r + discount · mask · (mean_K q_next - rho std_K q_next)",
        source="QAM eq. 26 (population std as released; discount of the whole chunk, γ^h)",
        args=(Q_NEXT, REWARD, DISCOUNT, MASK, RHO),
        returns=(Out("target", "..."),),
        tolerance="reduction",
        identities=("VAL-1",),
    ),
    Spec(
        name="td_target_min",
        family="value_targets",
        summary="Clipped double-Q temporal-difference target; no gradient to anything.",
        equation="r + discount · mask · min_K q_next",
        source="Fujimoto et al. 2018; OFQL section 3",
        args=(Q_NEXT, REWARD, DISCOUNT, MASK),
        returns=(Out("target", "..."),),
        tolerance="reduction",
        identities=("VAL-1",),
    ),
    Spec(
        name="expectile_loss",
        family="value_targets",
        summary="Asymmetric squared error.",
        equation="kappa diff² where diff ≥ 0, (1-kappa) diff² below",
        source="RQL eq. 14; Kostrikov et al. 2022 eq. 5",
        args=(
            Arg("diff", shape="...", gradient=True),
            Arg("kappa", "scalar", domain=Interval(0.0, 1.0, True, True, checked=True, drawn=(0.05, 0.95))),
        ),
        returns=(Out("loss", "..."),),
        tolerance="elementwise",
        identities=("VAL-1",),
    ),
    Spec(
        name="chunk_return",
        family="value_targets",
        summary="Return, bootstrap mask and validity of a window of h steps that may cross an episode's end.",
        equation=(
            "valid_0 = 1, valid_k = 1 - max(terminals[<k]);  return = Σ_k γ^k r_k valid_k;  "
            "mask = min of masks_k over valid k;  valid = valid_{h-1}"
        ),
        source="spec card 0.4 (released QAM sampler)",
        args=(
            Arg("rewards", shape="... h"),
            Arg("masks", shape="... h", domain=FLAG, discrete=True),
            Arg("terminals", shape="... h", domain=FLAG, discrete=True),
            DISCOUNT,
        ),
        returns=(Out("chunk_return", "..."), Out("mask", "..."), Out("valid", "...")),
        tolerance="reduction",
        identities=("VAL-2",),
    ),
    Spec(
        name="advantage_weight",
        family="value_targets",
        summary="Capped exponential advantage weight, without overflow; no gradient to anything.",
        equation="min(exp(inv_temp · advantage), maximum)",
        source="QAM eq. 73; Peng et al. 2019",
        args=(
            Arg("advantage", shape="...", domain=Interval(-20.0, 20.0)),
            Arg("inv_temp", "scalar", domain=Interval(0.0, INFINITY, checked=True, drawn=(0.0, 10.0))),
            Arg("maximum", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(1.0, 200.0))),
        ),
        returns=(Out("weight", "..."),),
        tolerance="exponential",
        identities=("VAL-1",),
    ),
)
