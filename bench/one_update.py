"""One engine in a process of its own: how long until it trains, and how much memory it takes. Prints JSON.

`python -m veloq.bench.one_update --method qam --size quick --backend jax --seeds 1 [--compile]`
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


def main() -> None:
    """Build, apply one update and then another, and say what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("method", "size", "backend"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="hand torch's losses to torch.compile")
    options = parser.parse_args()
    from .sizes import advanced, problem

    chosen = problem(options.method, options.size)
    engine = chosen.engine(options.backend, options.seeds, **({"compile": True} if options.compile else {}))
    state = advanced(engine, chosen.begun())
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        state, _ = engine.run(state, 1)
        seconds.append(time.perf_counter() - began)
    report = {"first_seconds": seconds[0], "next_seconds": seconds[1]}
    print(json.dumps(report | {"host_bytes": peak_host_bytes(), "device_bytes": peak_device_bytes(options.backend)}))


def peak_host_bytes() -> int | None:
    """The largest resident set of this process; None where the system does not tell.

    Not getrusage: across fork and exec Linux hands it the parent's peak.
    """
    if not STATUS.exists():
        return None
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(peak.split()[1])


def peak_device_bytes(backend: str) -> int | None:
    """The most memory that the framework held on a GPU; None on the CPU."""
    from . import place

    if place.device() == "cpu":
        return None
    if backend == "torch":
        import torch

        return int(torch.cuda.max_memory_allocated())
    from ..backends.jax.engine import find_device

    return int(find_device(place.device()).memory_stats()["peak_bytes_in_use"])


def in_a_fresh_process(
    method: str, size: str, backend: str, seeds: int, compiled: bool = False, environment: Mapping[str, str] = {}
) -> dict[str, Any]:
    """What `main` prints, with these variables added to the environment."""
    command = [sys.executable, "-m", "veloq.bench.one_update", "--method", method, "--size", size]
    command += ["--backend", backend, "--seeds", str(seeds), *(["--compile"] if compiled else [])]
    # JAX would otherwise take most of a GPU's memory at once.
    variables = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false", **environment}
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{answer.stderr}")
    report: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return {"method": method, "size": size, "backend": backend, "seeds": seeds, **report}


if __name__ == "__main__":
    main()
