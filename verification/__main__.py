"""`python -m veloq.verification`: the options of `veloq verify`, as pytest spells them."""

import argparse
import sys
from pathlib import Path

from ..core.errors import UsageError
from .run import main


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m veloq.verification", description=__doc__)
    parser.add_argument("--backend", choices=("all", "reference", "jax", "torch"), default="all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("highest", "fast"), default="highest")
    parser.add_argument("--examples", type=int, default=None, help="examples for every check")
    parser.add_argument("--profile", choices=("dev", "ci"), default="dev")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the reports")
    parser.add_argument("--workers", type=int, default=None, help="processes")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main(**vars(_options())))
    except UsageError as error:
        sys.exit(f"veloq: {error}")
