"""How far two implementations may differ, by kernel class and dtype, each bound derived and none fitted.

An error is measured entry by entry. A chain of `roundings` dependent roundings on numbers of size `magnitude`, in an
operation that amplifies what goes wrong inside it at most `growth` times, gives to first order

    |actual - expected| ≤ u · roundings · growth · (magnitude + |expected|)

with u the unit roundoff, the only thing that differs between float64, float32 and bfloat16. TF32 keeps float32 but
rounds both operands of every matrix product to 11 bits, once for each of the `products` on the path:

    u_float32 · roundings + 2 · u_tf32 · products    in place of    u · roundings
"""

from dataclasses import dataclass, field

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "tf32": 2.0**-11, "bfloat16": 2.0**-8}

# A measured error over its bound outside this range is looked at: the bound is nearly wrong or says nearly nothing.
LOOK_ABOVE, LOOK_BELOW = 0.5, 1e-3


@dataclass(frozen=True)
class Tolerance:
    """A mixed bound: `absolute` near zero, `relative` away from it, and why it is that large."""

    relative: float
    absolute: float
    reason: str


@dataclass(frozen=True)
class Derivation:
    """What one class of operations does to rounding errors.

    Attributes:
        roundings: on the longest path from an argument to the result, of the operations that are not independent.
        growth: the condition number: how often an error made on the way may be multiplied.
        magnitude: of the numbers that are rounded, where the result itself may be smaller by cancellation.
        products: matrix products on that path, whose operands TF32 rounds.
        reason: where these numbers come from.
        explained: why a measured margin is out of the usual range, by dtype; "" for every dtype.
    """

    roundings: int
    growth: float
    magnitude: float
    products: int
    reason: str
    explained: dict[str, str] = field(default_factory=dict)

    def tolerance(self, dtype: str) -> Tolerance:
        """The bound at "float64", "float32", "tf32" or "bfloat16"."""
        if dtype == "tf32":
            units = self.roundings * UNIT_ROUNDOFF["float32"] + 2 * self.products * UNIT_ROUNDOFF["tf32"]
        else:
            units = self.roundings * UNIT_ROUNDOFF[dtype]
        relative = units * self.growth
        return Tolerance(relative, relative * self.magnitude, self.reason)


EXACT = Derivation(
    roundings=0,
    growth=1,
    magnitude=0,
    products=0,
    reason="the result is one of the arguments' entries: nothing is rounded",
    explained={"": "the bound is zero, so the margin is 0 or the check fails"},
)
DERIVATIONS: dict[str, Derivation] = {
    "exact": EXACT,
    "elementwise": Derivation(
        8, 1, 8, 0, "at most eight roundings (differences, roots, products, one sum) of terms up to 8 in size"
    ),
    "quotient": Derivation(7, 20, 6, 0, "seven roundings of terms up to 6, divided by t ≥ 0.05 or √ᾱ ≥ 0.05"),
    "reduction": Derivation(8, 1, 9, 0, "a sum of at most six terms up to 9, and three roundings in each"),
    "loss": Derivation(
        24, 1, 36, 0, "squares of differences up to 6: eight roundings in each, doubled by the square, then the sum"
    ),
    "exponential": Derivation(
        8, 6, 10, 0, "exp multiplies the error of its argument, up to 6; logs of densities are sums of terms up to 10"
    ),
    "network": Derivation(
        24, 2, 1, 3, "three products of up to six terms and two tanh; two layers with a Lipschitz constant of about 2"
    ),
    "derivative": Derivation(48, 2, 1, 6, "a network forwards and backwards"),
    "density": Derivation(
        24,
        2,
        100,
        0,
        "derivatives of log-densities: five terms of up to 20, where JAX's softplus' is off by 16 roundings",
    ),
    "recursion": Derivation(
        48,
        8,
        1,
        3,
        "five steps of a network and a sum, errors scaled by h; steps with Lipschitz constant 2 grow e² = 8",
    ),
    "sampler": Derivation(
        30, 20, 1, 3, "a network and a step; the data estimate divides by √ᾱ ≥ 0.05, the next step multiplies it back"
    ),
    "expanding": Derivation(
        30,
        1200,
        1,
        3,
        "as a sampler, but nothing is multiplied back: the steps' factors 1/√ᾱ_i multiply up to 1200",
        {"": "the growth needs five steps of which none clips, which few drawn calls have: met were 1e-4 to 2e-2"},
    ),
    "algorithm": Derivation(
        400,
        10,
        1,
        12,
        "a whole update: five networks of three products forwards and backwards; layer norms, weights to 10",
    ),
}
TOLERANCES: dict[str, dict[str, Tolerance]] = {
    name: {dtype: derivation.tolerance(dtype) for dtype in UNIT_ROUNDOFF} for name, derivation in DERIVATIONS.items()
}


def tolerance(name: str, dtype: str) -> Tolerance:
    """The bound of class `name` at "float64", "float32", "tf32" or "bfloat16"; KeyError names what is missing."""
    if name not in TOLERANCES:
        raise KeyError(f"no tolerance class {name!r}; there are {sorted(TOLERANCES)}")
    return TOLERANCES[name][dtype]


def explanation(name: str, dtype: str) -> str:
    """Why a margin of this class and dtype is out of the usual range; empty when nobody has explained it."""
    if name not in DERIVATIONS:
        return ""
    known = DERIVATIONS[name].explained
    if dtype not in known and "" not in known and TOLERANCES[name][dtype].relative >= 1:
        return VACUOUS
    return known.get(dtype, known.get("", ""))


VACUOUS = "the bound exceeds the result: only shape, dtype and finiteness are proved"
