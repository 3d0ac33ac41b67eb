"""How many cores there are for this process."""

import os


def usable_cores() -> int:
    """The cores that this process may use; where the system does not tell, all of the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
