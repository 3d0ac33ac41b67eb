"""Lets go of JAX's compiled programs before there are too many for one process.

Each program lies in about ten memory maps of its own. Linux allows a process 65,530 of them and kills it, by a
segmentation fault, when XLA asks for one more; the whole verification compiles several times as many.
"""

import importlib.util

KEPT = 2000  # programs
COMPILED = "/jax/core/compile/backend_compile_duration"
_count = {"programs": 0}


def watch() -> None:
    """Count what JAX compiles from now on, where it is installed."""
    if importlib.util.find_spec("jax") is not None:
        import jax

        jax.monitoring.register_event_duration_secs_listener(_noticed)


def let_go() -> None:
    """Between two tests: forget all programs once there are many; what is needed again is compiled again."""
    if _count["programs"] > KEPT:
        import jax

        jax.clear_caches()
        _count["programs"] = 0


def _noticed(event: str, duration_secs: float, **_about: str | int) -> None:
    _count["programs"] += event == COMPILED
