"""Copies of metrics.jsonl for experiment trackers: TensorBoard, Weights & Biases, trackio.

They are written by a thread that may be slow, fail or never answer: the run neither waits for it nor ends by it, and
metrics.jsonl, which is written first, is what counts.
"""

import importlib.util
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import UsageError
from .untrusted import one_line

Scalars = Mapping[str, float]
Log = Callable[[int, Scalars], None]
PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}
GOODBYE_SECONDS = 20.0
KEPT = 10_000  # records that wait for a tracker; later ones are dropped


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError unless every tracker is known and installed."""
    for name in names:
        if name not in PACKAGES:
            raise UsageError(f"log: unknown tracker {name!r}; known: {', '.join(PACKAGES)}")
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise UsageError(f"log: {name} needs {PACKAGES[name]}: pip install 'veloq[{name}]'")


class Tracker:
    """One tracker of one session; `told` hears once when it failed."""

    def __init__(self, name: str, run: Path, config: Mapping[str, Any], told: Callable[[str], None]) -> None:
        self.name, self._told = name, told
        self._records: queue.Queue[tuple[int, Scalars] | None] = queue.Queue(KEPT)
        self._failed = threading.Event()
        # A daemon: a tracker that never answers must not keep the process alive.
        self._thread = threading.Thread(target=self._work, args=(run, config), daemon=True)
        self._thread.start()

    def put(self, record: Mapping[str, Any], labels: Sequence[str]) -> None:
        """Hand over a record; returns at once."""
        if not self._failed.is_set():
            try:
                self._records.put_nowait((record["step"], dict(scalars(record, labels))))
            except queue.Full:
                self._fail("does not keep up")

    def close(self, patience: float = GOODBYE_SECONDS) -> None:
        """Let it finish, but not for ever."""
        if self._failed.is_set():
            return
        try:
            self._records.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(patience)
        if self._thread.is_alive():
            self._fail(f"did not finish within {patience:g} s")

    def _work(self, run: Path, config: Mapping[str, Any]) -> None:
        try:
            log, finish = OPEN[self.name](run, config)
            while (item := self._records.get()) is not None:
                log(*item)
            finish()
        except BaseException as error:  # SystemExit too: a tracker ends itself, not the run
            self._fail(one_line(error) if isinstance(error, Exception) else type(error).__name__)

    def _fail(self, why: str) -> None:
        if not self._failed.is_set():
            self._failed.set()
            self._told(f"{self.name}: {why}; the run goes on, its numbers are in metrics.jsonl")


def scalars(record: Mapping[str, Any], labels: Sequence[str]) -> Iterator[tuple[str, float]]:
    """The numbers of a record by name, of one member each: training/loss/seed 0, evaluation/method/success/seed 0."""
    if record["kind"] == "training":
        yield "training/updates_per_second", record["updates_per_second"]
        groups = {f"training/{name}": values for name, values in record["metrics"].items()}
        groups |= {f"online/{name}": values for name, values in record.get("online", {}).items()}
    else:
        names = ("success", "score", "returns", "lengths")
        groups = {f"evaluation/{record['policy']}/{name}": record[name] for name in names if name in record}
    for name, values in groups.items():
        for label, value in zip(labels, values, strict=True):
            if value is not None:
                yield f"{name}/{label}", float(value)


def _tensorboard(run: Path, config: Mapping[str, Any]) -> tuple[Log, Callable[[], None]]:
    import tensorboardX

    writer = tensorboardX.SummaryWriter(str(run / "tensorboard"))

    def log(step: int, values: Scalars) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def _wandb(run: Path, config: Mapping[str, Any]) -> tuple[Log, Callable[[], None]]:
    import wandb

    session = wandb.init(project="veloq", name=run.name, id=run.name, dir=str(run), config=dict(config), resume="allow")
    return lambda step, values: session.log(dict(values), step=step), session.finish


def _trackio(run: Path, config: Mapping[str, Any]) -> tuple[Log, Callable[[], None]]:
    import trackio

    trackio.init(project="veloq", name=run.name, config=dict(config), resume="allow")
    return lambda step, values: trackio.log(dict(values), step=step), trackio.finish


OPEN: dict[str, Callable[[Path, Mapping[str, Any]], tuple[Log, Callable[[], None]]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "trackio": _trackio,
}
