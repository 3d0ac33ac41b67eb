"""`certify`: right implementations pass, the documented mistakes are convicted by the checks that the page names."""

import importlib.util

import pytest
from tree import ROOT

from veloq.core.errors import UsageError
from veloq.verification import certify
from veloq.verification.backends import BACKENDS


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("kernel", ["expectile_loss", "meanflow_target"])
def test_right_implementations_pass(kernel, backend):
    certificate = certify(getattr(BACKENDS[backend].K, kernel), kernel, backend=backend, progress=False)
    assert certificate.passed, str(certificate)
    assert certificate.failed == ()
    assert len(certificate.findings) > 5
    assert str(certificate).startswith(f"This function is {kernel} on {backend}")


@pytest.mark.slow
def test_lean_adjoint_at_the_wrong_state_is_convicted():
    mine = example("certify_lean_adjoint").my_lean_adjoint
    certificate = certify(mine, "lean_adjoint", backend="jax", progress=False)
    assert not certificate.passed
    assert {"ADJ-3", "AGREE"} <= set(certificate.failed)
    # Exact on Gaussian flows, where the Jacobian does not depend on the state.
    assert not {"ADJ-1", "ADJ-2", "ADJ-5", "ADJ-6"} & set(certificate.failed)
    first = certificate.findings[0]
    assert (first.check, first.passed) == ("ADJ-3", False)
    assert first.error > 1e-3 > first.tolerance
    assert first.example == "shape=(1, (), 1), seed=0"


def test_leaking_meanflow_target_is_convicted():
    mine = example("certify_meanflow").my_meanflow_target
    certificate = certify(mine, "meanflow_target", backend="torch", progress=False)
    assert certificate.failed == ("GRAD",)
    assert "gradient of u.first on torch" in str(certificate)


def test_a_function_that_raises_is_convicted():
    def broken(diff, kappa):
        raise RuntimeError("no float64 here")

    certificate = certify(broken, "expectile_loss", backend="torch", progress=False)
    assert not certificate.passed
    assert "RuntimeError: no float64 here" in str(certificate)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((len, "no_such_kernel", "jax"), "kernel must be one of"),
        ((len, "expectile_loss", "reference"), "backend must be"),
        ((3.0, "expectile_loss", "jax"), "function must be callable"),
    ],
)
def test_bad_arguments_are_one_clear_error(arguments, word):
    function, kernel, backend = arguments
    with pytest.raises(UsageError, match=word):
        certify(function, kernel, backend=backend)
