"""`python -m veloq.verification`: the options of `veloq verify`, as pytest spells them."""

import argparse
import sys
from pathlib import Path

from ..core.errors import UsageError
from .run import main
from .seal import check_report


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m veloq.verification", description=__doc__)
    parser.add_argument("--backend", choices=("all", "reference", "jax", "torch"), default="all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("highest", "fast"), default="highest")
    parser.add_argument("--examples", type=int, default=None, help="examples for every check")
    parser.add_argument("--profile", choices=("dev", "ci"), default="dev")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the reports")
    parser.add_argument("--workers", type=int, default=None, help="processes")
    parser.add_argument("--seed", type=int, default=None, help="draw the examples of a stored dev report again")
    parser.add_argument("--day", type=int, default=None, help="do this day's share of the long checks")
    parser.add_argument("--check-report", type=Path, default=None, help="only check the hash of a stored report")
    return parser.parse_args()


def run(options: argparse.Namespace) -> int:
    """Verify, or check a stored report."""
    values = vars(options)
    stored = values.pop("check_report")
    if stored is None:
        return main(**values)
    print(f"{stored}: unchanged, sha256 {check_report(stored)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(_options()))
    except UsageError as error:
        sys.exit(f"veloq: {error}")
