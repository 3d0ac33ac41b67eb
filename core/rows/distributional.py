"""Distributional values carried by a flow over returns, and selection by soft values (EVOR)."""

from ..spec import INFINITY, Arg, Interval, Out, Spec

TEMPERATURE = Arg("temperature", "scalar", domain=Interval(0.0, INFINITY, True, checked=True, drawn=(0.05, 20.0)))
REWARD = Arg("reward", shape="... 1")
DISCOUNT = Arg("discount", shape="... 1", domain=Interval(0.0, 1.0))

ROWS = (
    Spec(
        name="flow_td_target",
        family="distributional",
        summary="EVOR's target velocity as printed; `discount` carries gamma and the terminal mask.",
        equation="r + g s_next",
        source="EVOR eq. 19 (the paper omits discount and mask)",
        args=(REWARD, DISCOUNT, Arg("s_next", shape="... 1")),
        returns=(Out("target", "... 1"),),
        tolerance="elementwise",
        identities=("DIST-3",),
    ),
    Spec(
        name="bellman_flow_target",
        family="distributional",
        summary="The velocity of Z = r + g Z' written through the velocity of Z'; exact for every law of Z'.",
        equation=(
            "k = 1-t+t g,  y = (z_t - t r)/k,  w = t g/k;  "
            "target = r + (g-1) y + (g/k) next_field(y, w);  at g = 0: r - z0"
        ),
        source="veloq; EVOR eqs. 17-20 made consistent",
        args=(
            REWARD,
            DISCOUNT,
            Arg("z_t", shape="... 1"),
            Arg("t", shape="... 1", domain=Interval(0.0, 1.0, open_high=True, drawn=(0.0, 0.95))),
            Arg("next_field", "field"),
        ),
        returns=(Out("target", "... 1"),),
        tolerance="network",
        identities=("DIST-1", "DIST-2"),
        examples=100,
    ),
    Spec(
        name="logsumexp_q",
        family="distributional",
        summary="Soft value of sampled returns along `axis`, safe for returns of any size.",
        equation="temperature · log mean exp(returns/temperature)",
        source="EVOR eq. 39",
        args=(
            Arg("returns", shape="N ...", gradient=True, domain=Interval(-50.0, 50.0)),
            TEMPERATURE,
            Arg("axis", "integer", domain=Interval(0, 0)),
        ),
        returns=(Out("q", "..."),),
        tolerance="exponential",
        identities=("LSE-1", "LSE-2"),
    ),
    Spec(
        name="softmax_select",
        family="distributional",
        summary="Index drawn from softmax(q/temperature) over axis 0, given standard Gumbel noise.",
        equation="argmax_n (q_n + temperature · gumbel_n)",
        source="EVOR section 3.3; Gumbel 1954",
        args=(Arg("q", shape="N ..."), TEMPERATURE, Arg("gumbel", shape="N ...")),
        returns=(Out("index", "...", index=True),),
        tolerance="exact",
        identities=("LSE-3",),
        ties=True,
    ),
    Spec(
        name="best_of_n",
        family="distributional",
        summary="The candidate action with the largest value; the first of equals.",
        equation="candidates[argmax_n q_n]",
        source="DOAL eq. 9; QC",
        args=(Arg("candidates", shape="N ... A", gradient=True), Arg("q", shape="N ...")),
        returns=(Out("action", "... A"),),
        tolerance="exact",
        identities=("LSE-3",),
        ties=True,
    ),
)
