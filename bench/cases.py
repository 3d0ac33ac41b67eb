"""Benchmark inputs made from the Spec rows: every kernel at batch 256 and action dimension 25."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.contract import parse
from ..core.spec import Arg, Spec

SIZES = {"A": 25, "K": 10, "T": 10, "B": 256, "h": 5, "N": 32}
BATCH = (256,)
HIDDEN = 256

# Integer arguments; the other kernels take their own defaults.
INTEGERS = {"steps": 10, "iterations": 10, "axis": 0}

Inputs = dict[str, Any]


def inputs(spec: Spec) -> Inputs:
    """Float32 arrays and numbers for every argument but the callables, the same at every call."""
    rng = np.random.default_rng(0)
    return {
        arg.name: INTEGERS[arg.name] if arg.kind == "integer" else _draw(arg, rng)
        for arg in spec.args
        if arg.kind in ("array", "scalar", "integer")
    }


def _draw(arg: Arg, rng: np.random.Generator) -> NDArray[np.float32] | float:
    low, high = arg.domain.drawn or (arg.domain.low, arg.domain.high)
    if arg.kind == "scalar":
        return 0.5 * (low + high)
    values = rng.uniform(low, high, _shape(arg.shape))
    return (np.round(values) if arg.discrete else values).astype(np.float32)


def _shape(text: str) -> tuple[int, ...]:
    front, back = parse(text)
    sizes = [SIZES[name] + offset if name else offset for name, offset in front]
    if back is None:
        return tuple(sizes)
    return (*sizes, *BATCH, *(SIZES[name] + offset if name else offset for name, offset in back))


def network_weights() -> dict[str, NDArray[np.float32]]:
    """Weights of one tanh network that serves as every callable; it takes A + 2 numbers."""
    rng = np.random.default_rng(1)
    sizes = {"first": (SIZES["A"] + 2, HIDDEN), "second": (HIDDEN, HIDDEN), "last": (HIDDEN, SIZES["A"])}
    weights = {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in sizes.items()}
    weights["members"] = rng.standard_normal((HIDDEN, SIZES["K"])) / np.sqrt(HIDDEN)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def callables(spec: Spec, xp: Any, weights: Any) -> Inputs:
    """The kernel's fields, critics and aggregates on the arrays of one library."""
    return {
        arg.name: _callable(arg, xp, weights)
        for arg in spec.args
        if arg.kind in ("field", "average_field", "critic", "aggregate")
    }


def _callable(arg: Arg, xp: Any, weights: Any) -> Any:
    def hidden(*parts: Any) -> Any:
        joined = xp.concat(parts, axis=-1)
        return xp.tanh(xp.tanh(joined @ weights["first"][: joined.shape[-1]]) @ weights["second"])

    if arg.kind == "field":
        return lambda x, t: _fit(hidden(_widen(xp, x), t, t) @ weights["last"], x)
    if arg.kind == "average_field":
        return lambda x, t, r: hidden(x, t, r) @ weights["last"]
    if arg.kind == "critic":
        return lambda a: xp.moveaxis(hidden(a) @ weights["members"], -1, 0)
    return lambda q: xp.mean(q, axis=0)


def _widen(xp: Any, x: Any) -> Any:
    # Fields over scalar returns see one dimension; the network wants all of them.
    return x if x.shape[-1] == SIZES["A"] else xp.broadcast_to(x, (*x.shape[:-1], SIZES["A"]))


def _fit(v: Any, x: Any) -> Any:
    return v[..., : x.shape[-1]]
