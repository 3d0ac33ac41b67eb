"""One import serves NumPy, JAX and torch users, and says what is missing."""

import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import veloq
from veloq.core.errors import ContractError, DTypeError
from veloq.core.rows import SPECS


def run(code):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)


def test_every_kernel_is_a_public_name():
    assert set(SPECS) < set(veloq.__all__)
    assert set(SPECS) <= set(dir(veloq))


@pytest.mark.parametrize(
    ("array", "kind"), [(np.asarray, np.ndarray), (jnp.asarray, jnp.ndarray), (torch.tensor, torch.Tensor)]
)
def test_the_arrays_choose_the_library(array, kind):
    x0, x1, t = array([[1.0, 2.0]]), array([[3.0, 4.0]]), array([[0.25]])
    x_t, v = veloq.linear_path(x0, x1, t=t)
    assert isinstance(x_t, kind)
    assert np.asarray(x_t).tolist() == [[1.5, 2.5]]
    assert np.asarray(v).tolist() == [[2.0, 2.0]]


def test_float32_stays_float32_in_numpy():
    ones = np.ones((3, 2), np.float32)
    x_t, v = veloq.linear_path(ones, ones, np.ones((3, 1), np.float32))
    assert x_t.dtype == v.dtype == np.float32


def test_kernels_without_arrays_answer_in_numpy():
    assert all(isinstance(out, np.ndarray) for out in veloq.vp_schedule(5))


def test_mixed_libraries_are_named():
    with pytest.raises(DTypeError, match="x1 is a PyTorch array where x0 is a NumPy one"):
        veloq.linear_path(np.ones((2, 1)), torch.ones(2, 1), np.ones((2, 1)))


def test_errors_name_the_argument():
    with pytest.raises(ContractError, match=r"x1 has shape \(4, 3\), expected"):
        veloq.linear_path(np.zeros((4, 2)), np.zeros((4, 3)), np.zeros((4, 1)))
    with pytest.raises(TypeError):
        veloq.linear_path(np.zeros((4, 2)))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_missing_backend_names_its_extra(backend):
    answer = run(f"""
        import sys

        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == "{backend}":
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        sys.meta_path.insert(0, Absent())
        import numpy, veloq
        veloq.linear_path(numpy.ones((1, 1)), numpy.ones((1, 1)), numpy.ones((1, 1)))
        try:
            import veloq.backends.{backend}
        except ImportError as error:
            print(type(error).__name__, error)
    """)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("MissingBackendError")
    assert f"veloq[{backend}]" in answer.stdout


def test_importing_veloq_imports_no_framework():
    answer = run("import sys, veloq; print([m for m in ('jax', 'torch', 'mujoco', 'tyro') if m in sys.modules])")
    assert answer.stdout.strip() == "[]", answer.stderr
