"""A training session that kills itself by SIGKILL: `python killed_run.py FUSE RUNS DATA BACKEND PHASE [RUN]`.

It starts a small run in RUNS or, given RUN, resumes it, and dies at event number FUSE; with 0 it ends and prints how
many events there were. PHASE is "offline"; "online", which goes on with fine-tuning; or "beside", evaluated in another
thread. Events are the beginning and end of every dispatch, evaluation, hundredth policy call and report, and of every
write: a row of experience, a line of metrics, the halves of a checkpoint's files, the renames that put a checkpoint in
place and the removal of an old one.
"""

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_runs import quiet, small_settings

from veloq.training import backends, checkpoint, loop, run_folder, scoring, train

fuse = int(sys.argv[1])


def event() -> None:
    """Burn one step of the fuse."""
    global fuse
    fuse -= 1
    if fuse == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def watched(function: Callable[..., Any], every: int = 1) -> Callable[..., Any]:
    """The same function, every so many calls between two events."""
    calls = itertools.count(1)

    def call(*arguments: Any, **options: Any) -> Any:
        seen = next(calls) % every == 0
        if seen:
            event()
        result = function(*arguments, **options)
        if seen:
            event()
        return result

    return call


def write_in_halves(path: Path, payload: bytes) -> None:
    """Stands for the synced write: half of the bytes, an event, all of them, an event."""
    for part in (payload[: len(payload) // 2], payload):
        path.write_bytes(part)
        event()


def main() -> None:
    """One session."""
    runs, data, backend, phase = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5]
    engine = backends.engine_class(backend)
    for owner, name in (
        (engine, "run"),
        (engine, "write"),
        (scoring.Scorer, "score"),
        (run_folder.RunFolder, "append"),
        (run_folder.RunFolder, "_write_config"),
        (loop.Loop, "save"),
        (train, "write_report"),
        (Path, "rename"),
        (shutil, "rmtree"),
    ):
        setattr(owner, name, watched(getattr(owner, name)))
    engine.act = watched(engine.act, every=100)
    checkpoint._write_synced = write_in_halves
    if len(sys.argv) > 6:
        train.resume(Path(sys.argv[6]), quiet())
    else:
        sizes: dict[str, Any] = {"updates": 12, "evaluate_every": 4, "dispatch": 2, "seeds": (0, 1)}
        if phase == "online":
            # Evaluations every five steps: chunks of two actions are then half executed.
            sizes |= {"updates": 5, "online": 20, "warmup": 3, "utd": 2, "evaluate_every": 5, "dispatch": 3}
        if phase == "beside":
            sizes["evaluate_beside"] = True
        train.train(small_settings(runs, data, method="bc", backend=backend, **sizes), quiet())
    print(-fuse)


main()
