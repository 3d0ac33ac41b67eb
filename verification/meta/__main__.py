"""`python -m veloq.verification.meta`: mutation testing of the three implementations, for `nox -s mutate`."""

import argparse
import importlib.util
import sys
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m veloq.verification.meta", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="mutants to sample")
    parser.add_argument("--minutes", type=float, default=28.0, help="start no mutant after this time")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--output", type=Path, default=Path("mutation.json"), help="file for the results")
    parser.add_argument("--retry", action="store_true", help="try again what survived in the stored results")
    options = parser.parse_args()
    if importlib.util.find_spec("cosmic_ray") is None:
        sys.exit("veloq: mutation testing needs cosmic-ray: pip install 'veloq[mutate]'")
    from .mutation import main

    sys.exit(main(**vars(options)))
