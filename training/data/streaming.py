"""Portions of a data set that is too large for memory: whole episodes, drawn anew every so many updates."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ..randomness import derived_seed
from ..simulator import make_environment
from .catalogue import Task
from .columns import Columns
from .mapped import open_mapped
from .relabel import relabel, transitions
from .transitions import TransitionData

Scheme = Literal["episodes", "shards"]
# Keeps these draws apart from those of collection, evaluation and fine-tuning.
STREAM = 4


class Stream:
    """Portions of `rows` rows of a memory-mapped data set, the k-th a function of (seed, k) alone.

    "episodes" draws whole episodes uniformly, without replacement within a portion: where all have one length, every
    window of the data set is equally likely in every update, though the windows of neighbouring updates come from the
    same portion. "shards" takes the episodes in the order of the files, as the released QAM code takes one file after
    the other. Each portion is cut to the same number of rows, so that no program is compiled anew; the cut ends the
    last episode and nothing bootstraps across it.

    Args:
        folder: memory-mapped arrays.
        task: whose rewards the rows get.
        rows: of a portion; at most those of the data set.
        scheme: which episodes.
        seed: of "episodes".

    Raises:
        DataError: the folder is damaged, or smaller than a portion.
    """

    def __init__(self, folder: Path, task: Task, rows: int, scheme: Scheme = "episodes", seed: int = 0) -> None:
        self._columns, self._task, self._rows, self._seed = open_mapped(folder), task, rows, seed
        self._environment = make_environment(task.environment)
        ends = np.flatnonzero(self._columns["terminals"])
        if not len(ends):
            raise DataError(f"{folder}: no episode ends")
        self._begins, self._ends = np.append(0, ends[:-1] + 1), ends + 1
        self._scheme, self.origin = scheme, f"{folder.name}, {len(ends)} episodes, portions of {rows} rows by {scheme}"
        self.transitions = int((self._ends - self._begins - 1).sum())
        if self.transitions < rows:
            raise DataError(f"{folder}: {self.transitions} transitions are fewer than a portion of {rows}")

    def episodes(self, number: int) -> npt.NDArray[np.int64]:
        """The episodes of a portion, the least that have `rows` transitions; the last one may be cut.

        The others stand in the order of the file, in which they are read.
        """
        lengths = self._ends - self._begins - 1
        if self._scheme == "shards":
            # Portion k begins where portion k - 1 ended; the file's end is followed by its beginning.
            total = np.concatenate([lengths, lengths]).cumsum()
            begin = int(np.searchsorted(total, number * self._rows % self.transitions, side="right"))
            end = int(np.searchsorted(total, total[begin] - np.tile(lengths, 2)[begin] + self._rows)) + 1
            return np.arange(begin, end) % len(lengths)
        order = np.random.default_rng(derived_seed(self._seed, STREAM, number)).permutation(len(lengths))
        count = int(np.searchsorted(lengths[order].cumsum(), self._rows)) + 1
        return np.append(np.sort(order[: count - 1]), order[count - 1])

    def portion(self, number: int) -> TransitionData:
        """The transitions of portion `number`, `rows` of them, in memory."""
        chosen = self.episodes(number)
        spans = [slice(int(self._begins[at]), int(self._ends[at])) for at in chosen]
        # Neighbouring episodes are read at one go.
        joined = [spans[0]]
        for span in spans[1:]:
            if span.start == joined[-1].stop:
                joined[-1] = slice(joined[-1].start, span.stop)
            else:
                joined.append(span)
        columns: Columns = {
            name: np.concatenate([column[span] for span in joined]) for name, column in self._columns.items()
        }
        whole = transitions(columns, *relabel(self._task, columns, self._environment), self.origin)
        parts = {name: getattr(whole, name)[: self._rows] for name in vars(whole) if name != "origin"}
        parts["terminals"] = parts["terminals"].copy()
        parts["terminals"][-1] = 1.0
        return TransitionData(**parts, origin=self.origin)


class Prefetch:
    """A stream whose next portion is read in another thread while the present one is trained on."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._threads = stream, ThreadPoolExecutor(1)
        self._next: tuple[int, Future[TransitionData]] | None = None

    def portion(self, number: int) -> TransitionData:
        """Portion `number`; the one after it is begun."""
        if self._next is not None and self._next[0] == number:
            found = self._next[1].result()
        else:
            found = self._stream.portion(number)
        self._next = number + 1, self._threads.submit(self._stream.portion, number + 1)
        return found

    def close(self) -> None:
        """Let the thread end."""
        self._threads.shutdown(cancel_futures=True)
