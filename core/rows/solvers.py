"""Solvers of the flow ODE, forwards and backwards."""

from ..spec import TIME, Arg, Interval, Out, Spec
from .schedules import STEPS

FIELD = Arg("field", "field", gradient=True)
X = Arg("x", shape="... A", gradient=True)
ITERATIONS = Interval(1, float("inf"), checked=True, drawn=(1, 40))


def _solver(name: str, summary: str, equation: str, identities: tuple[str, ...]) -> Spec:
    return Spec(
        name=name,
        family="solvers",
        summary=summary,
        equation=equation,
        source="QAM eqs. 37-39 (index slips corrected)" if name == "euler" else "Hairer, Nørsett & Wanner, II.1",
        args=(FIELD, X, Arg("steps", "integer", domain=STEPS)),
        returns=(Out("x1", "... A"),),
        tolerance="recursion",
        identities=identities,
        examples=60,
    )


ROWS = (
    _solver(
        "euler",
        "Flow from t = 0 to 1 by Euler steps, velocity at the start of each step, no clipping.",
        "x_{i+1} = x_i + h v(x_i, i h),  h = 1/steps",
        ("FM-2", "MF-4", "REV-2", "ADJ-7"),
    ),
    Spec(
        name="euler_path",
        family="solvers",
        summary="All states of `euler`, noise first.",
        equation="(x_0, ..., x_T),  x_{i+1} = x_i + h v(x_i, i h)",
        source="QAM eqs. 37-39 (index slips corrected)",
        args=(FIELD, X, Arg("steps", "integer", domain=STEPS)),
        returns=(Out("xs", "T+1 ... A"),),
        tolerance="recursion",
        identities=("FM-2",),
        examples=60,
    ),
    _solver(
        "midpoint",
        "Flow from t = 0 to 1 by the explicit midpoint rule, second order.",
        "x_{i+1} = x_i + h v(x_i + h/2 v(x_i, t_i), t_i + h/2)",
        ("FM-2",),
    ),
    _solver(
        "heun",
        "Flow from t = 0 to 1 by Heun's rule, second order.",
        "x_{i+1} = x_i + h/2 (k1 + k2),  k1 = v(x_i, t_i),  k2 = v(x_i + h k1, t_i + h)",
        ("FM-2",),
    ),
    Spec(
        name="reverse_euler",
        family="solvers",
        summary="Explicit reversal of the flow from data at time 1 down to each sample's own time t.",
        equation="x ← x - d v(x, 1 - i d),  i = 0..steps-1,  d = (1-t)/steps",
        source="RQL eqs. 8, 16",
        args=(
            FIELD,
            Arg("x1", shape="... A", gradient=True),
            Arg("t", shape="... 1", domain=TIME, gradient=True),
            Arg("steps", "integer", domain=STEPS),
        ),
        returns=(Out("x_t", "... A"),),
        tolerance="recursion",
        identities=("REV-1", "REV-3"),
        examples=60,
    ),
    Spec(
        name="invert_euler",
        family="solvers",
        summary="The exact inverse of `euler` by fixed points, and what is left of each step's equation (no gradient).",
        equation=(
            "solve x_k = x_{k+1} - h v(x_k, t_k) for k = steps-1..0;  residual = max_k ‖x_k + h v(x_k, t_k) - x_{k+1}‖"
        ),
        source="veloq; converges when h Lip(v) < 1",
        args=(
            FIELD,
            Arg("x1", shape="... A", gradient=True),
            Arg("steps", "integer", domain=STEPS),
            Arg("iterations", "integer", domain=ITERATIONS),
        ),
        returns=(Out("x0", "... A"), Out("residual", "...")),
        tolerance="recursion",
        identities=("REV-2",),
        examples=40,
    ),
)
