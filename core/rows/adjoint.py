"""Adjoint matching. Throughout h = 1/T, t_i = i h, s_i = memoryless_sigma(t_i, h)."""

from ..spec import Arg, Interval, Out, Spec

XS = Arg("xs", shape="T+1 ... A")
TERMINAL = Arg("terminal", shape="... A")
BASE = Arg("base", "field")

ROWS = (
    Spec(
        name="memoryless_sde",
        family="adjoint",
        summary="Rollout of the memoryless SDE; the last step is noise-free and uses `last_field` once.",
        equation=(
            "x_{i+1} = x_i + h (2 field(x_i, t_i) - x_i/(t_i+h)) + √h s_i noise_i for i < T-1;  "
            "x_T = x_{T-1} + h last_field(x_{T-1}, t_{T-1})"
        ),
        source="QAM eqs. 7, 24; shift and last step are the released code's",
        args=(
            Arg("field", "field"),
            Arg("last_field", "field"),
            Arg("x0", shape="... A"),
            Arg("noises", shape="T-1 ... A"),
        ),
        returns=(Out("xs", "T+1 ... A"),),
        tolerance="recursion",
        identities=("ADJ-7",),
        examples=40,
    ),
    Spec(
        name="adjoint_terminal",
        family="adjoint",
        summary="QAM's terminal condition; coordinates outside [-1, 1] get exactly zero, the ends are inside.",
        equation="g = -inv_temp ∇_x mean_K critic(clip(x, -1, 1))",
        source="QAM eq. 25 (boundary condition), clipped as in the released code",
        args=(
            Arg("critic", "critic"),
            Arg("x", shape="... A", domain=Interval(-1.5, 1.5)),
            Arg("inv_temp", "scalar", domain=Interval(0.0, float("inf"), checked=True, drawn=(0.0, 10.0))),
        ),
        returns=(Out("terminal", "... A"),),
        tolerance="derivative",
        identities=("ADJ-1", "ADJ-6"),
        examples=60,
    ),
    Spec(
        name="lean_adjoint",
        family="adjoint",
        summary="Lean adjoint of the base flow, as the released code discretises it; gs[T] is `terminal`.",
        equation="g_i = g_{i+1} + h J_iᵀ g_{i+1},  J_i = ∂/∂x [2 base(x, t_i+h) - x/(t_i+h)] at x = xs[i]",
        source="QAM eqs. 22, 25; evaluation point as released",
        args=(BASE, XS, TERMINAL),
        returns=(Out("gs", "T+1 ... A"),),
        tolerance="recursion",
        identities=("ADJ-1", "ADJ-2", "ADJ-3", "ADJ-5", "ADJ-6"),
        examples=40,
    ),
    Spec(
        name="lean_adjoint_heun",
        family="adjoint",
        summary="Lean adjoint by Heun's rule after dividing out the pole at t = 0; second order.",
        equation="g = t ĝ,  dĝ/dt = -2 (∂base/∂x)ᵀ ĝ by Heun between (t_{i+1}, xs[i+1]) and (t_i, xs[i])",
        source="veloq; QAM eq. 22 with g = t ĝ",
        args=(BASE, XS, TERMINAL),
        returns=(Out("gs", "T+1 ... A"),),
        tolerance="recursion",
        identities=("ADJ-1", "ADJ-3", "ADJ-5"),
        examples=40,
    ),
    Spec(
        name="adjoint_matching_loss",
        family="adjoint",
        summary="Adjoint matching loss per sample: summed over steps and dimensions, gradient to `v` alone.",
        equation="Σ_i Σ_dims [2 (v_i - v_base_i)/s_i + s_i g_i]²,  i = 0..T-1",
        source="QAM eqs. 14, 21 (sum over steps as released)",
        args=(
            Arg("v", shape="T ... A", gradient=True),
            Arg("v_base", shape="T ... A"),
            Arg("gs", shape="T+1 ... A"),
        ),
        returns=(Out("loss", "..."),),
        tolerance="loss",
        identities=("ADJ-2", "ADJ-4"),
        examples=100,
    ),
    Spec(
        name="basic_adjoint",
        family="adjoint",
        summary="Exact discrete adjoint of the stochastic-control objective along `memoryless_sde`.",
        equation=(
            "g_i = g_{i+1} + h ∂/∂x[2 field - x/(t_i+h)]ᵀ g_{i+1} + h ∇_x 2‖field - base‖²/s_i² "
            "at (xs[i], t_i), i < T-1;  g_{T-1} = g_T + h (∂last_field/∂x)ᵀ g_T at (xs[T-1], t_{T-1})"
        ),
        source="QAM eqs. 8, 10-12 (running cost with its missing factor: docs/errata.md)",
        args=(Arg("field", "field"), BASE, Arg("last_field", "field"), XS, TERMINAL),
        returns=(Out("gs", "T+1 ... A"),),
        tolerance="recursion",
        identities=("ADJ-8",),
        examples=40,
    ),
)
