"""A stored run of the benchmarks: where it ran, on what, and its figures."""

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..core.cores import usable_cores
from . import place

PACKAGES = ("veloq", "numpy", "jax", "torch")
Record = dict[str, Any]


def record(raw: Mapping[str, Any] | None, sections: Mapping[str, list[Any]]) -> Record:
    """Device, versions, precision and commit, the cases of a pytest-benchmark file, and rows of the sections."""
    cases = raw["benchmarks"] if raw else []
    seconds = {case["name"]: case["stats"]["median"] / case["extra_info"].get("updates", 1) for case in cases}
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device(),
        "versions": {package: _version(package) for package in PACKAGES},
        "precision": f"float32, {place.precision()}",
        "commit": _commit(),
        "median_seconds": dict(sorted(seconds.items())),
        "cases": {case["name"]: case["extra_info"] for case in cases if case["extra_info"]},
        "sections": dict(sections),
    }


def device() -> str:
    """The accelerator when it is used, else the processor and the number of its cores that this process may use."""
    if place.device() != "cpu":
        import torch

        return str(torch.cuda.get_device_name())
    return f"{platform.machine()} CPU, {usable_cores()} cores"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def last_run(folder: Path, like: Record) -> Record | None:
    """The newest stored run with cases, on the same kind of device and in the same precision."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    same = [
        run
        for run in runs
        if run["median_seconds"] and all(run[name] == like[name] for name in ("device", "precision"))
    ]
    return max(same, key=lambda run: str(run["when"])) if same else None


def store(made: Record, folder: Path) -> Path:
    """Write the run beside the earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{made['when'].replace(':', '').replace('+0000', '')}.json"
    path.write_text(json.dumps(made, indent=1) + "\n")
    return path
