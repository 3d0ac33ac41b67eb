"""Mutation testing: sampled mutants of the three implementations against the checks that concern them.

cosmic-ray makes the mutants, because it offers its operators as functions from source to source; mutmut rewrites
every function into a switch between its mutants, read from the environment at each call, which a traced and cached
JAX program would not notice. Its runner, which edits files in place and starts a process for each mutant, is not
used: importing JAX and torch takes longer than convicting most mutants. A mutant lives as a copy beside the original.
"""

import importlib
import json
import multiprocessing
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from ..backends import BACKENDS, configure
from ..trials import Trial, concerning, first_red, trials
from .fault import IMPLEMENTATIONS
from .mutants import Mutant, mutate, places, sample
from .planting import planted
from .reach import kernels_served, serves_engine, users

LIMIT = 400.0  # seconds for one mutant
RENEW = 40  # mutants after which a worker is replaced, since compiled programs pile up in it
EXPLAINED = Path(__file__).with_name("survivors.toml")
READY = "ready"
PROFILES = ("trial", "retrial")
METHODS = ("ALGO", "METHOD", "ENGINE")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: `fate` is "killed", "survived" or "timeout"; `by` the first red test."""

    mutant: Mutant
    fate: str
    by: str
    seconds: float


def folder_of(implementation: str) -> Path:
    """Where an implementation's sources are."""
    return Path(str(importlib.import_module(BACKENDS[implementation].module).__file__)).parent


def asked(mutant: Mutant, profile: str) -> list[Trial]:
    """The trials that the mutated definition can turn red, identities first."""
    found = users(folder_of(mutant.implementation))
    wanted: dict[str, Trial] = {}
    for kernel in kernels_served(mutant.definition, found):
        wanted.update({trial.test: trial for trial in concerning(kernel, profile)})
    if serves_engine(mutant.definition, found):
        wanted.update({trial.test: trial for trial in trials(profile) if set(METHODS) & set(trial.ids)})
    return list(wanted.values())


def try_mutant(mutant: Mutant) -> Outcome:
    """Run the trials on a copy with the mutation until one turns red: with few examples, then with all of them."""
    started = time.monotonic()

    def edit(source: str) -> str:
        return mutate(source, mutant.operator, mutant.occurrence)

    def outcome(fate: str, by: str) -> Outcome:
        return Outcome(mutant, fate, by, round(time.monotonic() - started, 1))

    backend = BACKENDS[mutant.implementation]
    chosen = [trial for profile in PROFILES for trial in asked(mutant, profile)]
    try:
        with planted(backend, mutant.module, edit) as faulty:
            verdict = first_red(chosen, faulty)
    except Exception as error:  # the module does not even load
        return outcome("killed", f"import: {type(error).__name__}")
    return outcome("survived", "") if verdict is None else outcome("killed", verdict.trial.test)


def run(mutants: list[Mutant], workers: int, minutes: float) -> Iterator[Outcome]:
    """Outcomes as they come, from `workers` processes, until the mutants or the minutes are used up."""
    deadline = time.monotonic() + 60 * minutes
    waiting = list(reversed(mutants))
    pool = [_Worker() for _ in range(workers)]
    try:
        while waiting or any(worker.mutant for worker in pool):
            for worker in pool:
                if worker.mutant is None and waiting and time.monotonic() < deadline:
                    worker.start(waiting.pop())
            if all(worker.mutant is None for worker in pool):
                return
            for worker in pool:
                outcome = worker.poll()
                if outcome is not None:
                    yield outcome
    finally:
        for worker in pool:
            worker.stop()


class _Worker:
    """One process that tries mutants, replaced when it hangs and from time to time."""

    def __init__(self) -> None:
        self.process: Any = None
        self.mutant: Mutant | None = None
        self.done = 0

    def start(self, mutant: Mutant) -> None:
        """Hand it a mutant."""
        if self.process is None or self.done >= RENEW:
            self.stop()
            # Spawned, not forked: JAX and torch have threads.
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self.process.start()
            self.done = 0
            if self.pipe.recv() != READY:  # EOFError if the process failed, and then the run ends
                raise RuntimeError("a worker did not start")
        self.mutant, self.started = mutant, time.monotonic()
        self.pipe.send(mutant)

    def poll(self) -> Outcome | None:
        """Its outcome, waiting a little; a process that is over the limit or gone is given up."""
        if self.mutant is None:
            return None
        mutant, spent = self.mutant, time.monotonic() - self.started
        try:
            if self.pipe.poll(0.2):
                self.mutant, self.done = None, self.done + 1
                answer: Outcome = self.pipe.recv()
                return answer
        except (EOFError, ConnectionError):
            return self._given_up(Outcome(mutant, "killed", "the process died", round(spent, 1)))
        if spent > LIMIT:
            return self._given_up(Outcome(mutant, "timeout", "", round(spent, 1)))
        return None

    def _given_up(self, outcome: Outcome) -> Outcome:
        self.mutant = None
        self.stop()
        return outcome

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def _serve(pipe: Any) -> None:
    configure()
    trials("trial")  # an error in the checks themselves must not look like a mutant that was killed
    pipe.send(READY)
    while True:
        pipe.send(try_mutant(pipe.recv()))


def all_places() -> list[Any]:
    """Every place that can be mutated in the three implementations."""
    return [place for name in IMPLEMENTATIONS for place in places(name, folder_of(name))]


def main(count: int, minutes: float, seed: int, workers: int, output: Path, retry: bool) -> int:
    """Sample, run, print each survivor as it comes and write the results.

    Args:
        count: mutants to sample.
        minutes: start no mutant after this time.
        seed: of the sample.
        workers: processes.
        output: file for the results.
        retry: keep what `output` says was killed, and the survivors that survivors.toml explains; try the others again.

    Returns:
        0 if at least 95 % of the mutants that were tried were killed.
    """
    found = all_places()
    chosen = sample(found, count, seed)
    before = {_key(each["mutant"]): each for each in _stored(output)} if retry else {}
    kept = [before[_key(asdict(m))] for m in chosen if _key(asdict(m)) in before]
    waiting = [m for m in chosen if _key(asdict(m)) not in before]
    outcomes = []
    for outcome in track(run(waiting, workers, minutes), "mutants", total=len(waiting)):
        outcomes.append(asdict(outcome))
        if outcome.fate != "killed":
            m = outcome.mutant
            print(f"{outcome.fate}: {m.implementation}/{m.module}.py:{m.line} {m.definition}", flush=True)
            print(f"  - {m.before}\n  + {m.after}", flush=True)
    everything = kept + outcomes
    killed = sum(outcome["fate"] == "killed" for outcome in everything)
    print(f"{killed} of {len(everything)} mutants killed; {len(found)} places, sample of {len(chosen)}, seed {seed}")
    report = {
        "seed": seed,
        "places": len(found),
        "sampled": len(chosen),
        "tried": len(everything),
        "killed": killed,
        "outcomes": everything,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if killed >= 0.95 * max(len(everything), 1) else 1


def _stored(output: Path) -> list[dict[str, Any]]:
    """What needs no second try of an earlier run."""
    outcomes: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))["outcomes"]
    listed = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["survivor"]
    explained = {_place(entry) for entry in listed}
    return [each for each in outcomes if each["fate"] == "killed" or _place(each["mutant"]) in explained]


def _place(mutant: dict[str, Any]) -> tuple[str, ...]:
    return tuple(mutant[name] for name in ("implementation", "module", "before", "after"))


def _key(mutant: dict[str, Any]) -> tuple[str, ...]:
    """What a mutant is, wherever its line has moved."""
    return tuple(mutant[name] for name in ("implementation", "module", "definition", "before", "after"))
