"""How each source evaluates and what it reports, as data: a result means something only with its protocol's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..core.errors import UsageError
from .measures import values

NOT_STATED: Final = "not stated"
Noise = Literal["as in training", "none", "not stated"]


@dataclass(frozen=True)
class Protocol:
    """One source's evaluation.

    Attributes:
        name: on the command line.
        source: where this stands.
        benchmark: whose tasks.
        updates: gradient steps of a full run; None where any number is.
        evaluations: how many, evenly over the run, the last one at its end; None for the preset's schedule.
        episodes: of each evaluation and seed.
        averaged: the mean of so many last evaluations is reported.
        seeds: runs that a table averages over, None where that is not stated.
        noise: of the policy in evaluation: "none" sets the method's `temperature`, where it has one, to 0.
        success: what counts.
        timing: whether success refers to the state before or after the step, which OGBench 1.2 changed.
        remarks: what else differs.
    """

    name: str
    source: str
    benchmark: str
    updates: int | None
    evaluations: int | None
    episodes: int
    averaged: int
    seeds: int | None
    noise: Noise
    success: str
    timing: str
    remarks: str = ""

    def schedule(self, updates: int) -> dict[str, int]:
        """When a run of so many updates is evaluated, and on how many episodes."""
        if self.evaluations is None:
            return {}
        every = max(1, updates // self.evaluations)
        return {"evaluate_every": every, "curve_episodes": self.episodes, "episodes": self.episodes}

    def values(self, config: type) -> dict[str, float]:
        """The hyper-parameters that the protocol decides."""
        return {"temperature": 0.0} if self.noise == "none" and hasattr(config, "temperature") else {}

    def sentence(self) -> str:
        """What a number reported by it is."""
        return "the last evaluation" if self.averaged == 1 else f"mean of the last {self.averaged} evaluations"


LAST_STEP = "success flag of the episode's last step"
BEFORE = "before the step (ogbench 1.2)"
AFTER = "after the step (ogbench 1.1)"

_ALL = (
    Protocol(
        "veloq",
        "this library; the presets' schedules",
        "OGBench",
        None,
        None,
        50,
        1,
        None,
        "as in training",
        LAST_STEP,
        BEFORE,
        "with the quick preset fewer episodes on the way",
    ),
    Protocol(
        "qam",
        "QAM, Table 1 and appendix C; released main.py and evaluation.py",
        "OGBench",
        1_000_000,
        20,
        50,
        1,
        8,
        "as in training",
        LAST_STEP,
        BEFORE,
        "95 % bootstrap intervals; the released script lists 12 seeds; stochastic policies, ReBRAC's among them, keep "
        "their noise",
    ),
    Protocol(
        "fql",
        "FQL, released main.py and utils/evaluation.py",
        "OGBench",
        1_000_000,
        10,
        50,
        3,
        None,
        "none",
        LAST_STEP,
        NOT_STATED,
        "evaluated after the first update too; the mean of 800k, 900k and 1M is reported",
    ),
    Protocol(
        "rql",
        "RQL, section 5 and released agents/rql.py",
        "OGBench",
        1_000_000,
        10,
        50,
        1,
        4,
        "none",
        LAST_STEP,
        NOT_STATED,
        "acts with the actor's average; when and on how many episodes is not stated: FQL's, from which its code comes",
    ),
    Protocol(
        "evor",
        "EVOR, appendix E",
        "OGBench",
        1_000_000,
        10,
        50,
        3,
        3,
        "as in training",
        LAST_STEP,
        AFTER,
        "cube-double on the data set of 100 M rows",
    ),
    Protocol(
        "doal",
        "DOAL, section 5, after FQL",
        "OGBench",
        1_000_000,
        10,
        50,
        3,
        3,
        "none",
        LAST_STEP,
        NOT_STATED,
        "episodes and intervals are FQL's; on D4RL's Adroit the last of 500k updates, 4 seeds",
    ),
    Protocol(
        "ofql",
        "OFQL, section 5.1, after CleanDiffuser",
        "D4RL",
        None,
        1,
        150,
        1,
        3,
        NOT_STATED,
        "D4RL's normalised return",
        "-",
        "50 environments, three episodes of each",
    ),
    Protocol(
        "d4rl",
        "Diffusion-Policies-for-Offline-RL, main.py",
        "D4RL",
        None,
        1,
        10,
        1,
        None,
        "as in training",
        "D4RL's normalised return",
        "-",
        "100 episodes in AntMaze; the checkpoint is chosen by return or by cloning loss; here it is the last",
    ),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}


def find_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def reported(protocol: Protocol, records: Sequence[Mapping[str, Any]], policy: str) -> tuple[float, ...] | None:
    """What the protocol reports of each member, success rate or score; None when the policy was never evaluated."""
    found = [values(r) for r in records if r["kind"] == "evaluation" and r["policy"] == policy]
    last = found[-protocol.averaged :]
    return tuple(sum(each) / len(each) for each in zip(*last, strict=True)) if last else None


def table() -> list[tuple[str, ...]]:
    """All of them in words, head first."""
    head = ("name", "benchmark", "updates", "evaluations", "episodes", "reported", "seeds", "noise", "success timing")
    rows = [
        (
            each.name,
            each.benchmark,
            f"{each.updates:,}" if each.updates else "any",
            str(each.evaluations or "the preset's"),
            str(each.episodes),
            each.sentence(),
            str(each.seeds or NOT_STATED),
            each.noise,
            each.timing,
        )
        for each in PROTOCOLS.values()
    ]
    return [head, *rows]
