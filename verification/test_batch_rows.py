"""A sample's result depends on no other sample of its batch, but for the one kernel that takes a batch's statistics."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from veloq.core.contract import parse
from veloq.core.rows import SPECS
from veloq.core.spec import Spec
from veloq.verification.assertions import assert_close, assert_exact
from veloq.verification.backends import Backend
from veloq.verification.calls import compiled, on_backend, statics
from veloq.verification.check import counted, covers
from veloq.verification.profiles import examples
from veloq.verification.strategies import LAYOUTS, Case, cases

LAYOUT = LAYOUTS[4]
# Its shift is normalised by the mean size of the batch's gradients.
STATISTIC = "batch_normalized_target"
BATCHED = [
    name
    for name, spec in SPECS.items()
    if name != STATISTIC and any(arg.kind == "array" and "..." in arg.shape for arg in spec.args)
]


def axis_of_batch(shape: str) -> int:
    """Where the first batch axis stands in a shape of the rows' grammar."""
    return len(parse(shape)[0])


def row(value: Any, shape: str) -> Any:
    """The first sample alone."""
    return np.take(value, 0, axis=axis_of_batch(shape))


def among(case: Case, others: Case) -> Case:
    """The first sample of one call in the company of another call's, parameters and numbers kept."""
    tree = dict(case.tree)
    for arg in case.spec.args:
        if arg.kind == "array" and "..." in arg.shape and not isinstance(tree[arg.name], Mapping):
            mixed = np.moveaxis(np.array(others.tree[arg.name]), axis_of_batch(arg.shape), 0)
            mixed[0] = row(case.tree[arg.name], arg.shape)
            tree[arg.name] = np.moveaxis(mixed, 0, axis_of_batch(arg.shape))
    return replace(case, tree=tree)


@pytest.mark.parametrize("name", BATCHED)
@covers("MODES", "a sample's result is the same whoever shares its batch, for all kernels but batch_normalized_target")
def test_rows_are_apart(backend: Backend, name: str) -> None:
    """One layout, three samples: the first stays, the two others change."""
    spec: Spec = SPECS[name]

    @given(first=cases(spec, (LAYOUT,)), others=cases(spec, (LAYOUT,)))
    @settings(max_examples=examples(10))
    @counted
    def apart(first: Case, others: Case) -> None:
        run = compiled(backend, name, statics(first))
        alone, accompanied = (run(on_backend(backend, case)) for case in (first, among(first, others)))
        for out, want, got in zip(spec.returns, alone, accompanied, strict=True):
            if "..." not in out.shape:
                continue
            one, other = (row(backend.numpy(value), out.shape) for value in (want, got))
            what = f"{name} {out.name} on {backend.name}"
            if out.index:
                assert_exact(other, one, what)
            else:
                assert_close(other, one, spec.tolerance, what)

    apart()
