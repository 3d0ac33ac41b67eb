"""JAX's compiled programs, kept on disk between training commands: a second run starts without compiling."""

import os
from pathlib import Path

MOVED, ENABLED = "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"


def keep_between_processes(backend: str) -> Path | None:
    """Let JAX keep what it compiles from now on; to be called by a command, before the first program.

    JAX's own variables win: JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false keeps
    nothing.

    Returns:
        The folder, `veloq/jax` in the user's cache folder; None if this function chose none: for another backend, at
        JAX's variables, and where the folder cannot be written.
    """
    if backend != "jax" or MOVED in os.environ or ENABLED in os.environ:
        return None
    folder = _user_cache() / "veloq" / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder


def _user_cache() -> Path:
    # XDG: a relative path is to be ignored.
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
