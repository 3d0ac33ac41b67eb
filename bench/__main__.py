"""`python -m veloq.bench`: run the cases, store the figures as JSON, compare with the last stored run."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PACKAGES = ("veloq", "numpy", "jax", "torch")


def main(argv: list[str] | None = None) -> int:
    """Run, store and compare; the exit code is pytest's."""
    parser = argparse.ArgumentParser(prog="veloq.bench", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("bench/results"), help="folder of the stored runs")
    parser.add_argument("-k", dest="select", default="", help="pytest expression that selects cases")
    parser.add_argument("--methods", action="store_true", help="time one update of every method, and nothing else")
    options = parser.parse_args(argv)
    chosen = "test_method_update" if options.methods else "not test_method_update"
    select = f"({chosen}) and ({options.select})" if options.select else chosen
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "benchmark.json"
        arguments = ["--pyargs", "veloq.bench", "-q", "-p", "no:cacheprovider", "--benchmark-disable-gc"]
        # What a framework says about itself is no failure of a measurement.
        arguments += ["-W", "ignore::DeprecationWarning"]
        arguments += ["--benchmark-max-time=0.3", "--benchmark-min-rounds=3", "--benchmark-quiet"]
        code = pytest.main([*arguments, f"--benchmark-json={raw}", "-k", select])
        if not raw.exists() or not raw.read_text().strip():
            return int(code) or 1
        record = summary(json.loads(raw.read_text()))
    before = last_run(options.output)
    path = store(record, options.output)
    show(record, before, path)
    return int(code)


def summary(raw: dict[str, Any]) -> dict[str, Any]:
    """Device, versions, precision, commit and the median seconds of each case; no host names."""
    seconds = {
        case["name"]: case["stats"]["median"] / case["extra_info"].get("updates", 1) for case in raw["benchmarks"]
    }
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device(),
        "versions": {package: _version(package) for package in PACKAGES},
        "precision": "float32, highest",
        "commit": _commit(),
        "median_seconds": dict(sorted(seconds.items())),
    }


def device() -> str:
    """The accelerator, else the processor and its number of cores."""

    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{platform.machine()} CPU, {os.cpu_count()} cores"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def last_run(folder: Path) -> dict[str, Any] | None:
    """The newest stored run on the same kind of device."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    same = [run for run in runs if run["device"] == device()]
    return max(same, key=lambda run: run["when"]) if same else None


def store(record: dict[str, Any], folder: Path) -> Path:
    """Write the run beside the earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['when'].replace(':', '').replace('+0000', '')}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def show(record: dict[str, Any], before: dict[str, Any] | None, path: Path) -> None:
    """Print milliseconds by case and the ratio to the earlier run."""
    table = Table(title=f"{record['device']}, {record['precision']}, {record['versions']}")
    table.add_column("case")
    table.add_column("ms", justify="right")
    table.add_column("of last run", justify="right")
    earlier = before["median_seconds"] if before else {}
    for name, seconds in record["median_seconds"].items():
        ratio = f"{seconds / earlier[name]:.2f}" if name in earlier else ""
        table.add_row(escape(name), f"{1000 * seconds:.3f}", ratio)
    console = Console()
    console.print(table)
    console.print(f"stored {path}" + (f", compared with {before['when']}" if before else ", the first run here"))


if __name__ == "__main__":
    sys.exit(main())
