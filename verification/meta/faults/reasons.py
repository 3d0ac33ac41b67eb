"""Why some faults cannot be made in an implementation."""

ROUTED_BY_THE_ROW = {
    "reference": "in_float64 strips the derivative of every argument that the row calls free of gradient, before the "
    "kernel runs: a kernel has no stop-gradient of its own to forget"
}
ONE_BRANCH_AT_A_TIME = {
    "reference": "a Python `if` evaluates one branch: the other can neither overflow nor send a gradient"
}
REAL_RESULTS = {
    "reference": "no argument of the kernel has a gradient: in_float64 returns real parts, whatever the kernel carries"
}
IN_PLACE = {
    "reference": "in_float64 hands the kernel copies: it cannot reach the caller's arrays",
    "jax": "arrays cannot be written to",
}
