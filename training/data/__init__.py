"""Data sets: official or regenerated OGBench files, checked, and relabelled for one task."""

from .make import make
from .relabel import load_task
from .transitions import TransitionData

__all__ = ["TransitionData", "load_task", "make"]
