"""Run the whole verification on the installed package: `veloq verify`, `python -m veloq.verification`."""

import importlib.util
from pathlib import Path

from ..core.errors import UsageError

NEEDED = ("pytest", "hypothesis", "xdist")


def main(
    backend: str = "all",
    device: str = "cpu",
    precision: str = "highest",
    examples: int | None = None,
    profile: str = "dev",
    output: Path = Path("."),
    workers: int | None = None,
    seed: int | None = None,
    day: int | None = None,
) -> int:
    """Check every kernel and identity, print the table, write `verification-report.json` and `.html`.

    Args:
        backend: "all", "reference", "jax" or "torch".
        device: "cpu" or "cuda".
        precision: "highest", or "fast" for TF32 matrix products.
        examples: examples for every check; None for the counts that the Spec rows state.
        profile: "dev" draws about a tenth of the stated counts, "ci" all of them, derandomised.
        output: folder for the two reports.
        workers: processes; by default two on the CPU and one on a GPU.
        seed: of the examples that the dev profile draws; None for a new one, which the report names.
        day: do this day's share of the planted faults (a tenth) and of the trainings (a third); None for all of them.

    Returns:
        pytest's exit code: 0 if everything that ran passed.

    Raises:
        UsageError: the packages of `veloq[verify]` are not installed.
    """
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise UsageError(f"verification needs {', '.join(lacking)}: pip install 'veloq[verify]'")
    import pytest

    if workers is None:
        workers = 1 if device == "cuda" else 2
    arguments = [
        "-p",
        "veloq.verification.plugin",
        "--pyargs",
        "veloq.verification",
        "--import-mode=importlib",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        f"--backend={backend}",
        f"--device={device}",
        f"--precision={precision}",
        f"--hypothesis-profile={profile}",
        f"--report-dir={output}",
    ]
    if examples is not None:
        arguments.append(f"--examples={examples}")
    if seed is not None:
        arguments.append(f"--hypothesis-seed={seed}")
    if day is not None:
        arguments.append(f"--day={day}")
    if workers > 1:
        arguments += ["-n", str(workers), "--dist", "loadgroup"]
    return int(pytest.main(arguments))
