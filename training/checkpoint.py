"""Checkpoints: safetensors and a hashed JSON manifest, written whole or not at all."""

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core.engine import FlatState
from ..core.errors import CheckpointError
from .untrusted import check_types, read_object, refusing
from .writing import writing

FORMAT = 1
STATE = "state.safetensors"
EXPERIENCE = "experience.safetensors"
MANIFEST = "manifest.json"
Which = Literal["latest", "best"]
KEEP = 2
SCORE, UPDATES, FOUND = "success", "updates", "found_beside"
# What a loop must know to go on: whether this step's scores are in, and how long metrics.jsonl was. With scores comes
# SCORE, the members' mean success rate, by which the best is kept. Online, UPDATES counts the gradient steps. FOUND is
# the record of an evaluation beside training that is not in metrics.jsonl yet.
PROGRESS = {"evaluated": bool, "metrics_bytes": int}


@dataclass(frozen=True)
class Checkpoint:
    """The whole state after `step` updates, and what the run needs to go on from there.

    `experience` is what fine-tuning met and where it stands, None offline. `rejected` says, one line each, which newer
    checkpoints were damaged and passed over.
    """

    step: int
    state: FlatState
    run: str
    progress: dict[str, Any]
    rejected: tuple[str, ...] = field(default=())
    experience: FlatState | None = None


def checkpoints_folder(run: Path) -> Path:
    """Where a run keeps its checkpoints."""
    return run / "checkpoints"


def save(run: Path, checkpoint: Checkpoint, keep: int = KEEP) -> Path:
    """Write a checkpoint under a temporary name, sync it and rename it into place.

    Args:
        run: the run folder.
        checkpoint: what to write.
        keep: how many of the newest stay; the best of all, the latest of equals, stays beside them.

    Raises:
        CheckpointError: it cannot be written; earlier ones stay.
    """
    from safetensors.numpy import save as serialise

    folder = checkpoints_folder(run)
    final = folder / f"step-{checkpoint.step:09d}"
    partial = folder / f".{final.name}.{os.getpid()}.partial"
    contents = {STATE: checkpoint.state}
    if checkpoint.experience is not None:
        contents[EXPERIENCE] = checkpoint.experience
    # order="C" keeps 0-d arrays 0-d, which ascontiguousarray would not.
    payloads = {
        file: serialise({name: np.array(value, order="C") for name, value in arrays.items()})
        for file, arrays in contents.items()
    }
    manifest = {
        "format": FORMAT,
        "run": checkpoint.run,
        "step": checkpoint.step,
        "progress": checkpoint.progress,
        "files": {file: hashlib.sha256(payload).hexdigest() for file, payload in payloads.items()},
    }
    try:
        with writing(final):
            partial.mkdir(parents=True)
            for file, payload in payloads.items():
                _write_synced(partial / file, payload)
            _write_synced(partial / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
            _sync_folder(partial)
            _put_in_place(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    kept = {*_steps(run)[-keep:], *_by_score(run)[-1:]}
    for old in _steps(run):
        if old not in kept:
            shutil.rmtree(old)
    return final


def load(folder: Path, run: str | None = None) -> Checkpoint:
    """Read one checkpoint and verify every hash.

    Args:
        folder: the checkpoint's folder.
        run: the identity the checkpoint must carry; None accepts any.

    Raises:
        CheckpointError: something is missing, damaged or belongs to another run.
    """
    manifest = _read_manifest(folder)
    if run is not None and manifest["run"] != run:
        raise CheckpointError(f"{folder}: belongs to another run")
    state = _read_arrays(folder / STATE, manifest["files"][STATE])
    step, updates = state.get("step"), manifest["progress"].get(UPDATES, manifest["step"])
    if step is None or step.shape or step.dtype.kind != "i" or step != updates:
        raise CheckpointError(f"{folder / STATE}: damaged, its step is not the {updates} of the manifest")
    experience = None
    if EXPERIENCE in manifest["files"]:
        experience = _read_arrays(folder / EXPERIENCE, manifest["files"][EXPERIENCE])
    return Checkpoint(manifest["step"], state, manifest["run"], manifest["progress"], experience=experience)


def _read_arrays(file: Path, digest: str) -> FlatState:
    from safetensors.numpy import load as deserialise

    with refusing(file, "readable", CheckpointError):
        payload = file.read_bytes()
    if hashlib.sha256(payload).hexdigest() != digest:
        raise CheckpointError(f"{file}: damaged, its SHA-256 differs from the manifest's")
    with refusing(file, "a safetensors file", CheckpointError):
        arrays: FlatState = deserialise(payload)
    return arrays


def load_latest(run: Path, identity: str | None = None) -> Checkpoint:
    """The newest checkpoint that verifies; damaged newer ones are named in `rejected`.

    Raises:
        CheckpointError: the run has none, or all are damaged.
    """
    return _first_good(run, identity, reversed(_steps(run)))


def load_best(run: Path, identity: str | None = None) -> Checkpoint:
    """The checkpoint with the highest mean success that verifies; damaged better ones are named in `rejected`.

    Raises:
        CheckpointError: no checkpoint was written at an evaluation, or all such are damaged.
    """
    return _first_good(run, identity, reversed(_by_score(run)))


def _first_good(run: Path, identity: str | None, folders: Iterable[Path]) -> Checkpoint:
    rejected: list[str] = []
    for folder in folders:
        try:
            found = load(folder, identity)
        except CheckpointError as error:
            rejected.append(str(error))
            continue
        return dataclasses.replace(found, rejected=tuple(rejected))
    if rejected:
        raise CheckpointError(f"no usable checkpoint: {'; '.join(rejected)}")
    raise CheckpointError(f"{checkpoints_folder(run)}: no checkpoint")


def tidy(run: Path) -> None:
    """Clear away what a killed process left half-written; only the process that trains the run may.

    A checkpoint that was being replaced when the process died gets its name back.
    """
    folder = checkpoints_folder(run)
    for replaced in folder.glob(".step-*.replaced"):
        final = folder / replaced.name[1:].split(".")[0]
        if final.exists():
            shutil.rmtree(replaced)
        else:
            replaced.rename(final)
    for partial in list(run.rglob(".*.partial")):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()


def latest_step(run: Path) -> int | None:
    """Step of the newest checkpoint by name, None without one."""
    steps = _steps(run)
    return int(steps[-1].name.removeprefix("step-")) if steps else None


def _steps(run: Path) -> list[Path]:
    return sorted(path for path in checkpoints_folder(run).glob("step-*") if path.name[5:].isdigit())


def _by_score(run: Path) -> list[Path]:
    """The checkpoints with a score, worst first, the earlier of equals first."""
    scored = []
    for folder in _steps(run):
        try:
            score = _read_manifest(folder)["progress"].get(SCORE)
        except CheckpointError:  # load says what is wrong with it
            continue
        if score is not None:
            scored.append((score, folder.name, folder))
    return [folder for *_, folder in sorted(scored)]


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    manifest = read_object(path, CheckpointError)
    expected = {"format": int, "run": str, "step": int, "progress": dict, "files": dict}
    check_types(path, manifest, expected, CheckpointError)
    check_types(path, manifest["progress"], PROGRESS, CheckpointError)
    if SCORE in manifest["progress"]:
        check_types(path, manifest["progress"], {SCORE: float}, CheckpointError)
        if not math.isfinite(manifest["progress"][SCORE]):
            raise CheckpointError(f"{path}: damaged, {SCORE} is not finite")
    check_types(path, manifest["files"], {STATE: str} | dict.fromkeys(manifest["files"], str), CheckpointError)
    for name, kind in {UPDATES: int, FOUND: dict}.items():
        if name in manifest["progress"]:
            check_types(path, manifest["progress"], {name: kind}, CheckpointError)
    if manifest["format"] != FORMAT:
        raise CheckpointError(f"{path}: format {manifest['format']}, expected {FORMAT}")
    if manifest["step"] < 0 or manifest["progress"]["metrics_bytes"] < 0:
        raise CheckpointError(f"{path}: damaged, a number below 0")
    return manifest


def _write_synced(path: Path, payload: bytes) -> None:
    with path.open("wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(partial: Path, final: Path) -> None:
    replaced = final.with_name(f".{final.name}.{os.getpid()}.replaced")
    if final.exists():
        # A folder cannot be renamed over a filled one; the older copy goes once the newer has its name.
        final.rename(replaced)
    partial.rename(final)
    _sync_folder(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)
