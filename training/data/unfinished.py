"""What a collection has so far, kept beside the file that it becomes, so that it goes on where it was stopped."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError
from .collection import Episode, stack
from .files import read_columns

EPISODES = 20  # in a file


class Unfinished:
    """A folder of files with so many episodes each, in order; its name says of which collection they are."""

    def __init__(self, train: Path, facts: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        self.folder = train.with_name(f".{train.stem}.{digest[:12]}.unfinished")
        self._files = 0
        self._waiting: list[Episode] = []

    def episodes(self) -> Iterator[Episode]:
        """What an earlier try collected, up to the first file that is missing or damaged."""
        while True:
            try:
                columns = read_columns(self._file())
            except DataError:
                return
            with zipfile.ZipFile(self._file()) as archive:
                # In the order of the collector, so that the file it becomes has the same bytes.
                names = [name.removesuffix(".npy") for name in archive.namelist()]
            begins = np.flatnonzero(columns["terminals"])[:-1] + 1
            if len(begins) + 1 != EPISODES:
                return
            self._files += 1
            pieces = [np.split(columns[name], begins) for name in names]
            yield from (dict(zip(names, piece, strict=True)) for piece in zip(*pieces, strict=True))

    def add(self, episode: Episode) -> None:
        """Keep the next episode, as soon as there are enough for a file."""
        self._waiting.append(episode)
        if len(self._waiting) < EPISODES:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{os.getpid()}.partial"
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **stack(self._waiting))
        partial.replace(self._file())
        self._files, self._waiting = self._files + 1, []

    def remove(self) -> None:
        """Nothing of it is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self) -> Path:
        return self.folder / f"{self._files:05d}.npz"
