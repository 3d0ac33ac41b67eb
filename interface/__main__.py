"""`python -m veloq`, the same as the command `veloq`."""

import sys

from .command import main

sys.exit(main())
