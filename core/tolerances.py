"""How far two implementations may differ, by kernel class and precision, each bound with its reason.

An error is measured entry by entry as |actual - expected| / (absolute + relative |expected|) and must not
exceed 1. Bounds do not grow with the array and are not tuned per kernel.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """A mixed bound: `absolute` near zero, `relative` away from it, and why it is that large."""

    relative: float
    absolute: float
    reason: str


def _pair(float64: float, float32: float, reason: str) -> dict[str, Tolerance]:
    return {
        "float64": Tolerance(float64, float64, reason),
        "float32": Tolerance(float32, float32, reason),
        "tf32": Tolerance(float32, float32, reason),
    }


def _rounded_products(pair: dict[str, Tolerance], tf32: float) -> dict[str, Tolerance]:
    # On the reference with the operands of every product inside a network rounded to 11 bits, over 150 drawn calls
    # of every kernel, the worst mixed errors are: network 9e-4, derivative 1.0e-3, recursion 2.3e-3, sampler 2.3e-3.
    # The bounds are ten times that; a whole update has several such parts.
    return pair | {"tf32": Tolerance(tf32, tf32, "operands of products rounded to 11 bits; " + pair["tf32"].reason)}


# Unit roundoff: float64 1.1e-16, float32 6.0e-8, TF32 4.9e-4.
TOLERANCES: dict[str, dict[str, Tolerance]] = {
    "elementwise": _pair(1e-13, 2e-5, "a few roundings on values up to 10, with one cancellation"),
    "reduction": _pair(1e-12, 2e-5, "sums of at most some dozens of terms, squared differences"),
    "exponential": _pair(1e-11, 1e-4, "exp and log multiply the relative error by an argument of up to 50"),
    "network": _rounded_products(_pair(1e-12, 5e-5, "one pass through a tanh network of two layers"), 1e-2),
    "derivative": _rounded_products(_pair(1e-11, 1e-4, "one derivative of such a network"), 1e-2),
    "recursion": _rounded_products(_pair(1e-10, 5e-4, "up to a dozen dependent steps whose factors reach 3"), 3e-2),
    "algorithm": _rounded_products(
        _pair(1e-8, 1e-3, "a whole update: rollout, adjoint, layer norms, losses summed over a batch"), 1e-1
    ),
    "sampler": _rounded_products(_pair(1e-10, 2e-3, "a dozen steps, each divided by √ᾱ as small as 0.08"), 3e-2),
}


def tolerance(name: str, dtype: str) -> Tolerance:
    """The bound of class `name` at "float64", "float32" or "tf32"; KeyError names what is missing."""
    if name not in TOLERANCES:
        raise KeyError(f"no tolerance class {name!r}; there are {sorted(TOLERANCES)}")
    return TOLERANCES[name][dtype]
