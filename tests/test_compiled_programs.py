"""Where training commands keep JAX's programs; each check in a process of its own, since JAX's settings are global."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys
from veloq.training.compiled_programs import keep_between_processes
folder = keep_between_processes(sys.argv[1])
import jax
print(folder, jax.config.jax_compilation_cache_dir)
"""
COMPILE = (
    ASK
    + """
import jax.numpy as jnp
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((3, 3)))
"""
)


def told(script: str, cache: Path, backend: str = "jax", **environment: str) -> list[str]:
    """The folder chosen and JAX's setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    surroundings = {**kept, "XDG_CACHE_HOME": str(cache), **environment}
    command = [sys.executable, "-c", script, backend]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True).stdout.split()


def test_programs_are_kept_in_the_users_cache(tmp_path: Path) -> None:
    folder = tmp_path / "veloq" / "jax"
    assert told(COMPILE, tmp_path) == [str(folder), str(folder)]
    assert any(folder.iterdir())


@pytest.mark.parametrize("variable", ["JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"])
def test_jaxs_own_variables_win(variable: str, tmp_path: Path) -> None:
    value = str(tmp_path / "elsewhere") if variable.endswith("DIR") else "false"
    chosen, setting = told(ASK, tmp_path, **{variable: value})
    assert chosen == "None"
    assert setting == (value if variable.endswith("DIR") else "None")
    assert not (tmp_path / "veloq").exists()


def test_torch_needs_no_folder(tmp_path: Path) -> None:
    assert told(ASK, tmp_path, "torch") == ["None", "None"]


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "veloq").write_text("a file in the way")
    assert told(ASK, tmp_path) == ["None", "None"]
