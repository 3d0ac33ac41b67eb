"""A run as a folder: config.json first, then metrics.jsonl line by line, checkpoints, pictures and the report."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.algorithm import Algorithm, Dimensions
from ..core.errors import CheckpointError, UsageError
from .members import Member, members
from .normaliser import Normaliser, from_description
from .settings import check_sweep, find_algorithm, make_config
from .trackers import Tracker
from .untrusted import check_types, read_object, refusing
from .writing import writing

CONFIG = "config.json"
METRICS = "metrics.jsonl"
REPORT = "report.html"
PACKAGES = ("veloq", "numpy", "jax", "jaxlib", "torch", "mujoco", "dm_control", "gymnasium", "ogbench")
# What a checkpoint depends on; the rest of config.json may differ between the sessions of one run.
IDENTITY = {
    "method": str,
    "env": str,
    "config": dict,
    "dimensions": dict,
    "seeds": list,
    "precision": str,
    "data_sha256": str,
}
DIMENSIONS = dict.fromkeys(Dimensions._fields, int)


class RunFolder:
    """One run's files; `config` is the content of config.json."""

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self.trackers: list[Tracker] = []

    @classmethod
    def create(cls, directory: Path, config: Mapping[str, Any]) -> "RunFolder":
        """Make RUNS/METHOD-ENV-BACKEND-TIMESTAMP with its config.json."""
        # Minari's names have slashes.
        env = config["env"].replace("/", "-")
        stem = f"{config['method']}-{env}-{config['backend']}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        path = directory / stem
        number = 1
        while True:
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
                path = directory / f"{stem}-{number}"
            except OSError as error:
                raise UsageError(f"{path}: cannot make the run folder ({error.strerror})") from error
        run = cls(path, {**config, "created": _now(), "resumed": []})
        run._write_config()
        (path / METRICS).touch()
        return run

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run.

        Raises:
            UsageError: the folder is no run.
            CheckpointError: its config.json is damaged.
        """
        file = path / CONFIG
        if not file.is_file():
            raise UsageError(f"{path}: not a run folder, it has no {CONFIG}")
        config = read_object(file, CheckpointError)
        described = {**IDENTITY, "backend": str}
        missing = [key for key in described if key not in config]
        if missing:
            raise CheckpointError(f"{file}: missing key {', '.join(missing)}")
        check_types(file, config, described, CheckpointError)
        check_types(file, config["dimensions"], DIMENSIONS, CheckpointError)
        if config["dimensions"].keys() != DIMENSIONS.keys() or min(config["dimensions"].values()) < 1:
            raise CheckpointError(f"{file}: damaged, dimensions {config['dimensions']}")
        if not config["seeds"] or any(type(seed) is not int for seed in config["seeds"]):
            raise CheckpointError(f"{file}: damaged, expected seeds to be whole numbers, at least one")
        return cls(path, config)

    @property
    def identity(self) -> str:
        """SHA-256 of what makes a checkpoint this run's."""
        wanted = {key: self.config[key] for key in IDENTITY}
        if sweep := self.sweep():
            wanted["sweep"] = sweep
        if (normaliser := self.config.get("normaliser")) is not None:
            wanted["normaliser"] = normaliser
        return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()

    def method(self) -> tuple[Algorithm, Any]:
        """The algorithm and its Config.

        Raises:
            CheckpointError: config.json names another method or hyper-parameter than there are.
        """
        try:
            algorithm = find_algorithm(self.config["method"])
            return algorithm, make_config(algorithm, self.config["config"])
        except UsageError as error:
            raise CheckpointError(f"{self.path / CONFIG}: {error}") from error

    def normaliser(self) -> Normaliser:
        """What is done to observations before a policy sees them.

        Raises:
            CheckpointError: config.json describes none for this run's observations.
        """
        found, raw = self.config.get("normaliser"), self.config.get("observations", "raw") == "raw"
        try:
            if (found is None) != raw:
                raise ValueError(f"normaliser: {'raw observations have none' if raw else 'lost, observations need it'}")
            return from_description(found, self.config["dimensions"]["observation"])
        except ValueError as error:
            raise CheckpointError(f"{self.path / CONFIG}: {error}") from error

    def sweep(self) -> dict[str, tuple[float, ...]]:
        """The hyper-parameters that the run sweeps over, with their values; none in most runs.

        Raises:
            CheckpointError: config.json holds no such thing there.
        """
        found = self.config.get("sweep", {})
        if not isinstance(found, dict) or not all(isinstance(values, list) and values for values in found.values()):
            raise CheckpointError(f"{self.path / CONFIG}: damaged, expected sweep to hold lists of numbers by name")
        algorithm, config = self.method()
        sweep = {name: tuple(values) for name, values in found.items()}
        try:
            check_sweep(algorithm, config, sweep)
        except UsageError as error:
            raise CheckpointError(f"{self.path / CONFIG}: {error}") from error
        return sweep

    @property
    def members(self) -> tuple[Member, ...]:
        """The policies that the run trains."""
        return members(self.config["seeds"], self.sweep())

    def note_resumed(self, step: int, changes: Mapping[str, Any]) -> None:
        """Add a session to config.json."""
        session = {"step": step, "time": _now(), "versions": versions(), "commit": commit(), **changes}
        self.config = {**self.config, **changes, "resumed": [*self.config.get("resumed", []), session]}
        self._write_config()

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to metrics.jsonl and flush it; then tell the trackers.

        Raises:
            CheckpointError: it cannot be written.
        """
        line, file = json.dumps(record, allow_nan=False) + "\n", self.path / METRICS
        with writing(file), file.open("a", encoding="utf-8") as lines:
            lines.write(line)
        for tracker in self.trackers:
            tracker.put(record, [member.label for member in self.members])

    def records(self) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl; a half-written last line is left out."""
        file = self.path / METRICS
        with refusing(file, "readable", CheckpointError):
            lines = file.read_bytes().split(b"\n")
        records: list[dict[str, Any]] = []
        for number, line in enumerate(lines[:-1], 1):
            with refusing(file, f"JSON in line {number}", CheckpointError):
                record = json.loads(line)
            if not isinstance(record, dict):
                raise CheckpointError(f"{file}: line {number} is damaged, expected a JSON object")
            records.append(record)
        return records

    def metrics_bytes(self) -> int:
        """Length of metrics.jsonl."""
        return (self.path / METRICS).stat().st_size

    def sync_metrics(self) -> None:
        """Have metrics.jsonl on the disk before a checkpoint says how long it is.

        Raises:
            CheckpointError: it cannot be written.
        """
        file = self.path / METRICS
        with writing(file), file.open("ab") as lines:
            os.fsync(lines.fileno())

    def truncate_metrics(self, length: int) -> None:
        """Cut metrics.jsonl back to what it held at a checkpoint.

        Raises:
            CheckpointError: it is shorter than that already.
        """
        if self.metrics_bytes() < length:
            raise CheckpointError(f"{self.path / METRICS}: shorter than at the checkpoint, lines are lost")
        os.truncate(self.path / METRICS, length)

    def _write_config(self) -> None:
        partial = self.path / f".{CONFIG}.{os.getpid()}.partial"
        with writing(self.path / CONFIG):
            partial.write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")
            partial.replace(self.path / CONFIG)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """Installed version of every package a result depends on, None where absent."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def commit() -> str | None:
    """The git commit of the running source with `-dirty` where it was changed, None outside a checkout."""
    here = Path(__file__).resolve()
    # An installed copy may lie inside somebody else's repository: ask whether git tracks this very file.
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    name = _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return name.strip() if name else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout if result.returncode == 0 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
