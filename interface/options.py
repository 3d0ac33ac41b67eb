"""Command-line options generated from dataclasses; a method's Config is the only place for its defaults."""

import contextlib
import dataclasses
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from .core.errors import UsageError

Options = TypeVar("Options")
DEFAULT_ENV = "pointmaze-medium-navigate-singletask-v0"


@dataclass(frozen=True)
class TrainOptions:
    """Train a method on a task and show what it learned; the defaults shown are those of the preset."""

    env: str = DEFAULT_ENV
    """single-task environment, see `veloq list envs`"""
    rewards: Literal["raw", "sparse", "iql", "dql", "bdpo"] = "raw"
    """as they are; QAM's sparse ones for manipulation; or scaled as these sources do on D4RL"""
    observations: Literal["raw", "normalised"] = "raw"
    """as they are, or with mean 0 and deviation 1 over the data, in training and acting"""
    backend: Literal["jax", "torch"] = "jax"
    """who computes"""
    preset: Literal["quick", "paper"] = "quick"
    """sizes for two CPU cores, or the paper's"""
    tuned: Literal["released", "paper", "none"] = "released"
    """values tuned for the environment: the released script's, the paper's where it prints others, or none"""
    seeds: int = 1
    """number of seeds, trained together"""
    first_seed: int = 0
    """the seeds are first_seed, first_seed + 1, ..."""
    sweep: tuple[str, ...] = ()
    """hyper-parameters to vary: `--sweep inv_temp=0.3,1,3 rho=0,0.5` trains every combination, together"""
    updates: int = 0
    """gradient steps"""
    portion: int = 1_000_000
    """rows in memory at a time of a data set that `veloq data convert` made memory-mapped"""
    portion_every: int = 1000
    """updates until the next portion"""
    portions: Literal["episodes", "shards"] = "episodes"
    """drawn uniformly from all episodes, or one stretch of the files after the other"""
    online: int = 0
    """environment steps of fine-tuning after the updates, with `utd` updates on data and experience for each"""
    warmup: int = 5000
    """environment steps before the first update online"""
    utd: int = 1
    """updates for each environment step online"""
    protocol: str = "veloq"
    """whose evaluation: how often, how many episodes, which average is reported; see `veloq list protocols`"""
    evaluate_every: int = 0
    """updates, online environment steps, between two evaluations"""
    curve_episodes: int = 0
    """episodes of each evaluation on the way"""
    episodes: int = 0
    """episodes of the evaluation at the end"""
    dispatch: int = 100
    """gradient steps per call of the engine"""
    transitions: int | None = None
    """rows to make when the data set is missing; None only reads"""
    precision: Literal["highest", "fast"] = "highest"
    """of matrix products: float32, or faster with fewer digits"""
    device: str = "cpu"
    """cpu or cuda"""
    compile: bool = False
    """hand losses and gradients to torch.compile, which takes minutes; JAX always compiles"""
    cuda_graphs: bool = False
    """torch on cuda: record each update once and play it, one launch instead of thousands"""
    evaluate_beside: bool = False
    """evaluate on the way in a thread of its own, while training goes on; the results are the same"""
    nan: Literal["stop", "skip"] = "stop"
    """when a loss or gradient is not finite: keep the batch and stop, or leave its seed as it was and count"""
    log: tuple[str, ...] = ()
    """trackers that get a copy of metrics.jsonl: tensorboard, wandb, trackio"""
    keep: int = 2
    """how many of the newest checkpoints stay, beside the one with the highest success rate"""
    directory: Path = Path("runs")
    """where run folders go"""
    data_directory: Path | None = None
    """where data sets are; default $VELOQ_DATA or `data`"""
    workers: int = 2
    """processes that make data, threads or processes that step environments"""
    stepping: Literal["threads", "processes"] = "threads"
    """who steps environments: runs survive processes that crash or hang"""
    patience: float = 300.0
    """seconds after which such a process counts as hung"""


@dataclass(frozen=True)
class ResumeOptions:
    """Continue a run from its newest good checkpoint; everything else stays as it was."""

    resume: Path = field()
    """the run folder"""
    updates: int | None = None
    """train to this update instead"""
    online: int | None = None
    """fine-tune for so many environment steps in all"""
    nan: Literal["stop", "skip"] | None = None
    """when a loss or gradient is not finite"""
    keep: int | None = None
    """how many of the newest checkpoints stay"""
    device: str | None = None
    """cpu or cuda"""
    data_directory: Path | None = None
    """where data sets are, if they moved"""
    workers: int | None = None
    """threads or processes that step environments"""
    stepping: Literal["threads", "processes"] | None = None
    """who steps environments"""
    patience: float | None = None
    """seconds after which a process counts as hung"""


@dataclass(frozen=True)
class EvaluateOptions:
    """Evaluate a run's policy on any backend, whichever one trained it."""

    episodes: int = 50
    """episodes of every seed"""
    backend: Literal["reference", "jax", "torch"] = "jax"
    """who computes the actions"""
    behaviour: bool = False
    """the behaviour-cloning policy instead"""
    video: bool = False
    """film the first episodes: RUN/rollouts.mp4, or .gif without imageio-ffmpeg"""
    video_file: Path | None = None
    """the film's name, .mp4 or .gif"""
    video_episodes: int = 2
    """how many episodes of every member are filmed"""
    checkpoint: Literal["latest", "best"] = "latest"
    """whose policy: the latest checkpoint's, or that with the highest success rate on the way"""
    workers: int = 2
    """threads or processes that step environments"""
    stepping: Literal["threads", "processes"] = "threads"
    """who steps environments: evaluations survive processes that crash or hang"""
    patience: float = 300.0
    """seconds after which such a process counts as hung"""


@dataclass(frozen=True)
class DataOptions:
    """Put a data set in place: the official file when it can be had, else the same protocol run again."""

    transitions: int | None = None
    """how many to regenerate; default the published number"""
    seed: int = 0
    """of a regenerated data set"""
    workers: int = 2
    """processes that collect"""
    data_directory: Path | None = None
    """where the files go; default $VELOQ_DATA or `data`"""
    source: Literal["auto", "official", "regenerate"] = "auto"
    """auto prefers an official file"""
    expert: Path | None = None
    """run of `veloq data train-expert` by which ant and humanoid mazes are made; default veloq's own ant"""


@dataclass(frozen=True)
class DataDirectory:
    """Official files from the mirrors in DATA/mirrors.toml and OGBench's own; what was fetched before is kept."""

    data_directory: Path | None = None
    """where data sets are; default $VELOQ_DATA or `data`"""


@dataclass(frozen=True)
class DataInfoOptions:
    """Shapes, episodes, lengths and returns of a data file."""

    picture: Path | None = None
    """draw histograms of lengths and returns into this PNG file"""
    data_directory: Path | None = None
    """where named data sets are; default $VELOQ_DATA or `data`"""


@dataclass(frozen=True)
class DataExpertOptions:
    """Train the body that collects maze data: soft actor-critic, online, towards directions it is told."""

    steps: int | None = None
    """environment steps, one update each; the ant's default is 400,000, a humanoid has none"""
    backend: Literal["jax", "torch"] = "jax"
    """who computes"""
    seed: int = 0
    """of the run"""
    directory: Path = Path("runs")
    """where the run goes; `veloq train --resume RUN --online STEPS` goes on"""


@dataclass(frozen=True)
class DataConvertOptions:
    """npz files, one after the other, as one folder of memory-mapped arrays, from which training takes portions."""

    output: Path | None = None
    """the folder; default the first file's name without .npz"""


@dataclass(frozen=True)
class VerifyOptions:
    """Check every kernel and identity, print the table and write the two reports."""

    backend: Literal["all", "reference", "jax", "torch"] = "all"
    """implementations to check"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where JAX and torch compute"""
    precision: Literal["highest", "fast"] = "highest"
    """of matrix products"""
    examples: int | None = None
    """examples for every check; default the counts that the Spec rows state"""
    profile: Literal["dev", "ci"] = "dev"
    """dev draws about a tenth of the stated counts, ci all of them, derandomised"""
    output: Path = Path()
    """folder for the reports"""
    workers: int | None = None
    """processes; default two on the CPU, one on a GPU"""
    seed: int | None = None
    """draw the examples of a stored dev report again; default a new seed, which the report names"""
    day: int | None = None
    """do this day's share of the planted faults (a tenth) and of the trainings (a third); default all of them"""
    check_report: Path | None = None
    """run nothing: only check that a stored verification-report.json is as it was written"""


def parse(kind: type[Options], arguments: Sequence[str], command: str, default: Options | None = None) -> Options:
    """Read options into a dataclass.

    Raises:
        UsageError: an option is unknown or has a value of another type, in one line.
        SystemExit: after printing what --help asks for.
    """
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return cast(Options, tyro.cli(kind, args=list(arguments), prog=command, default=default))
    except SystemExit as stop:
        if stop.code in (None, 0):
            raise
        raise UsageError(f"{command.removeprefix('veloq ')}: {_one_line(said.getvalue())}") from None


def train_options(method_config: type, chosen: Any) -> type[Any]:
    """`TrainOptions` with the method's hyper-parameters as `config`, starting from the preset's values."""
    config = ("config", method_config, field(default=chosen))
    options = dataclasses.make_dataclass("TrainOptions", [config], bases=(TrainOptions,), frozen=True)
    options.__doc__ = TrainOptions.__doc__
    return options


def peek(arguments: Sequence[str], name: str, default: str) -> str:
    """The value of one option before all are parsed: presets decide the defaults of the others."""
    value = default
    for index, argument in enumerate(arguments):
        if argument == f"--{name}" and index + 1 < len(arguments):
            value = arguments[index + 1]
        elif argument.startswith(f"--{name}="):
            value = argument.split("=", 1)[1]
    return value


def _one_line(box: str) -> str:
    """tyro's framed message as one line: what is wrong, and the options it suggests."""
    drawn = "╭" in box  # the frame of a UTF-8 stream carries the title itself; else a title line comes first
    sections: list[list[str]] = [[]]
    for raw in box.splitlines():
        line = re.sub(r"^[\s│]+|[\s│]+$", "", raw)
        if line.startswith(("╭", "╰")):
            continue
        if re.fullmatch(r"[-─]{8,}", line):
            sections.append([])
        elif line:
            sections[-1].append(line)
    message = " ".join(sections[0 if drawn or len(sections) == 1 else 1])
    near = [
        match[0]
        for section in sections
        if section and section[0].startswith("Perhaps you meant")
        for line in section
        if (match := re.match(r"--[\w.-]+", line))
    ]
    return f"{message}; did you mean {' or '.join(near[:3])}?" if near else message
