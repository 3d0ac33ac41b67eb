"""Write docs/protocols.md from training/protocols.py: `generate_protocols.py [--check]`."""

import sys
from pathlib import Path

from written import written

from veloq.training.protocols import PROTOCOLS, table

PAGE = Path(__file__).resolve().parent / "protocols.md"
PREFACE = """# Protocols of evaluation

What each source evaluates, when, and which number it reports. `veloq train --protocol NAME` evaluates as often and on
as many episodes as the source, evenly over however many updates the run has, reports the same average of last
evaluations and, where the source evaluates without noise, sets the method's `temperature` to 0; `config.json`, the
report and the last lines name the protocol. Simulated success always refers to the state before the step, as OGBench
1.2 has it; a source that used 1.1 counted the state after it.

The same seed has the same episodes and the same noise in every evaluation, whatever the number of environments and
workers. Chunks are executed open loop, actions clipped to [-1, 1].
"""


def page() -> str:
    """docs/protocols.md."""
    head, *rows = table()
    lines = [PREFACE, f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "## Sources", ""]
    for protocol in PROTOCOLS.values():
        remarks = f"; {protocol.remarks}" if protocol.remarks else ""
        lines.append(f"- **{protocol.name}**: {protocol.source}. Counts: {protocol.success}{remarks}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(written({PAGE: page()}, "--check" in sys.argv, __file__))
