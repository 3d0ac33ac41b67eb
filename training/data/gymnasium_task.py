"""What is known of a data set of D4RL or Minari: its file, and the environment that its policies are evaluated in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import data_directory
from .minari import MAIN_FILE, minari_directory
from .rewards import Family


@dataclass(frozen=True)
class GymnasiumTask:
    """One data set of D4RL or Minari with an environment to evaluate in.

    `settings` go to gymnasium.make; `remark` says how the environment differs from the one the source measured in;
    `remote` is the file of a D4RL task under the address of a mirror; `scored`: D4RL has reference returns for it.
    """

    name: str
    family: Family
    environment: str
    remark: str
    remote: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    minari: bool = False
    scored: bool = True

    @property
    def file_name(self) -> str:
        """The published file, under the directory."""
        return f"{self.name}/{MAIN_FILE}" if self.minari else f"{self.name}.hdf5"

    def directory(self, given: Path | None) -> Path:
        """Where the file lies: in the given directory, else where data sets of its source are kept."""
        return minari_directory(given) if self.minari else data_directory(given)
