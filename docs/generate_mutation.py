"""Write docs/mutation.md from the stored run and the reasons: `python docs/generate_mutation.py [--check]`."""

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from written import written

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mutation.md"
RESULTS = ROOT / "verification" / "results" / "mutation.json"
REASONS = ROOT / "verification" / "meta" / "survivors.toml"
PREFACE = """# Mutation score

`nox -s mutate` changes one place at a time in the reference, the JAX and the torch implementation (a sign, a number, a
comparison, a decorator, a loop) and runs the checks that concern it until one turns red. The mutants are cosmic-ray's;
why not mutmut, and why they run as copies in one process, is told in verification/meta/mutation.py. The sample is drawn
at random over all places, so that the score is an estimate for all of them. The stored result is one run of the sample
and a second try of the survivors that had no explanation, after the checks were sharpened (`-- --retry`).
"""


def key(mutant: dict[str, Any]) -> tuple[str, ...]:
    """What a survivor and its reason have in common, whatever the line number."""
    return tuple(mutant[name] for name in ("implementation", "module", "before", "after"))


def reasons() -> dict[tuple[str, ...], str]:
    """Why each known survivor is no hole."""
    return {key(entry): entry["why"] for entry in tomllib.loads(REASONS.read_text()).get("survivor", [])}


def unexplained(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Survivors without a reason."""
    known = reasons()
    return [
        each["mutant"] for each in report["outcomes"] if each["fate"] != "killed" and key(each["mutant"]) not in known
    ]


def page(report: dict[str, Any]) -> str:
    """docs/mutation.md."""
    tried, killed = report["tried"], report["killed"]
    share = killed / tried
    deviation = (share * (1 - share) / tried) ** 0.5
    parts = [
        PREFACE,
        f"**{killed} of {tried} mutants killed, {100 * share:.1f} %** (one standard error {100 * deviation:.1f}), "
        f"sampled from {report['places']} places with seed {report['seed']}.",
        "",
        "| implementation | killed | tried |",
        "|---|---|---|",
    ]
    total = Counter(each["mutant"]["implementation"] for each in report["outcomes"])
    dead = Counter(each["mutant"]["implementation"] for each in report["outcomes"] if each["fate"] == "killed")
    parts += [f"| {name} | {dead[name]} | {total[name]} |" for name in sorted(total)]
    parts += ["", "## Survivors", ""]
    known = reasons()
    for each in sorted(report["outcomes"], key=lambda each: key(each["mutant"])):
        if each["fate"] != "killed":
            parts += survivor(each, known.get(key(each["mutant"]), "Not explained yet."))
    return "\n".join(parts)


def survivor(outcome: dict[str, Any], why: str) -> list[str]:
    """One survivor: where, what was changed, why it is no hole."""
    mutant = outcome["mutant"]
    late = ", out of time" if outcome["fate"] == "timeout" else ""
    head = f"`{mutant['implementation']}/{mutant['module']}.py`, `{mutant['definition']}`{late}. {why}"
    return [head, "", "```diff", f"- {mutant['before']}", f"+ {mutant['after']}", "```", ""]


if __name__ == "__main__":
    sys.exit(written({PAGE: page(json.loads(RESULTS.read_text()))}, "--check" in sys.argv[1:], __file__))
