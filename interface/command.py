"""The command line: train, data, evaluate, verify, bench, list, version."""

import difflib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .core.errors import DivergenceError, MissingBackendError, RenderingError, SimulatorError, UsageError, VeloqError

if TYPE_CHECKING:
    from .algorithms.tuned import Which
    from .training.loop import Outcome
    from .training.members import Member

USAGE = """usage: veloq COMMAND [OPTIONS]

  train METHOD          train a method on a task, evaluate it and write a report
  train --resume RUN    continue a run
  evaluate RUN          evaluate a run's policy on any backend
  data list             known data sets, how they can be had and what is here
  data make NAME        put a data set in place: official, or made again
  data fetch NAME       the official files alone, from the first mirror that has them
  data info NAME|FILE   shapes, episodes, lengths and returns of a data file
  data check FILE       what is wrong with a data file, one line each
  data convert FILE...  npz files as one folder of memory-mapped arrays
  data train-expert B   the ant or humanoid that collects maze data
  verify                check every kernel and identity
  bench                 time kernels, updates and evaluation on this machine
  list WHAT             methods, envs, kernels or protocols
  version               versions of veloq and of what it runs on

`veloq COMMAND --help` shows the options of a command."""

INTERRUPTED = 130
FAILED = 1
MISUSED = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every error of the family VeloqError is one line on stderr and exit code 2.

    Returns:
        0, also when SIGTERM ended training early; 2 after an error of usage, data, checkpoint or installation; 1 when
        training diverged or a check failed; 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except VeloqError as error:
        # Messages of wrapped libraries may hold line breaks; a user gets one line.
        print(f"veloq: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED if isinstance(error, (DivergenceError, SimulatorError, RenderingError)) else MISUSED
    except KeyboardInterrupt:
        print("veloq: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) went away; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        return 0 if arguments else MISUSED
    name, rest = arguments[0], arguments[1:]
    commands: dict[str, Callable[[list[str]], int]] = {
        "train": _train,
        "evaluate": _evaluate,
        "data": _data,
        "verify": _verify,
        "bench": _bench,
        "list": _list,
        "version": _version,
    }
    if name in ("--version", "-V"):
        name = "version"
    if name not in commands:
        raise UsageError(f"unknown command {name!r}{_near(name, list(commands))}")
    return commands[name](rest)


def _train(arguments: list[str]) -> int:
    from .options import ResumeOptions, parse

    _require_training()
    if any(argument.split("=")[0] == "--resume" for argument in arguments):
        return _resume(parse(ResumeOptions, arguments, "veloq train"))
    from .algorithms import ALGORITHMS

    if arguments[:1] in (["-h"], ["--help"]):
        arguments = ["qam", *arguments]
    if not arguments or arguments[0].startswith("-"):
        raise UsageError(f"train: name a method first: {', '.join(ALGORITHMS)}")
    settings = _settings(arguments[0], arguments[1:])
    from rich.console import Console

    from .training.compiled_programs import keep_between_processes
    from .training.train import train

    keep_between_processes(settings.backend)
    return _report(train(settings, Console()))


def _settings(method: str, arguments: list[str]) -> Any:
    from .options import DEFAULT_ENV, TrainOptions, parse, peek, train_options
    from .training.data.catalogue import evaluated_in
    from .training.members import parse_sweep
    from .training.presets import preset
    from .training.protocols import find_protocol
    from .training.settings import Settings, find_algorithm, make_config

    algorithm = find_algorithm(method)
    env, name = peek(arguments, "env", DEFAULT_ENV), peek(arguments, "preset", "quick")
    evaluated_in(env)
    chosen = preset(name, method, env, cast("Which", peek(arguments, "tuned", "released")))
    protocol = find_protocol(peek(arguments, "protocol", "veloq"))
    schedule = {key: value for key, value in vars(chosen).items() if key != "values"}
    schedule |= dict.fromkeys(protocol.schedule(1), 0)  # filled in once the number of updates is known
    config = make_config(algorithm, {**chosen.values, **protocol.values(algorithm.config)})
    kind = train_options(algorithm.config, config)
    default = kind(**schedule, config=config)
    options: TrainOptions = parse(kind, arguments, f"veloq train {method}", default)
    values = vars(options).copy()
    count, first = values.pop("seeds"), values.pop("first_seed")
    if count < 1 or first < 0:
        raise UsageError(f"seeds must be at least 1 and first-seed not negative, got {count} and {first}")
    values["sweep"] = parse_sweep(values["sweep"])
    values |= {name: own for name, own in protocol.schedule(options.updates).items() if not values[name]}
    return Settings(method=method, seeds=tuple(range(first, first + count)), **values)


def _resume(options: Any) -> int:
    from rich.console import Console

    from .training.compiled_programs import keep_between_processes
    from .training.run_folder import RunFolder
    from .training.train import resume

    keep_between_processes(RunFolder.open(options.resume).config["backend"])
    changes = {name: value for name, value in vars(options).items() if name != "resume" and value is not None}
    return _report(resume(options.resume, Console(), **changes))


def _report(outcome: "Outcome") -> int:
    from .training.protocols import find_protocol

    protocol = find_protocol(outcome.protocol)
    remark = "" if protocol.averaged == 1 else f"({protocol.sentence()}, protocol {protocol.name})   "
    for name, success in ((outcome.title, outcome.success), ("behaviour cloning", outcome.behaviour_success)):
        if success is not None:
            _print_rates(name, success, outcome.members, remark if name == outcome.title else "")
    print("wall time          " + ", ".join(f"{name} {value:.0f} s" for name, value in outcome.seconds.items()))
    print(f"report             {outcome.run / 'report.html'}")
    if outcome.finished:
        return 0
    print(f"stopped at step {outcome.step}; continue with: veloq train --resume {outcome.run}")
    return 0 if outcome.preempted else INTERRUPTED


def _print_rates(name: str, success: Sequence[float], members: Sequence["Member"], remark: str = "") -> None:
    """Mean and rates per seed, in a sweep one line for each setting."""
    by_setting: dict[str, list[float]] = {}
    for member, value in zip(members, success, strict=True):
        by_setting.setdefault(member.setting, []).append(value)
    for setting, values in by_setting.items():
        seeds = "  ".join(f"{value:.2f}" for value in values)
        print(f"{name:<18} {sum(values) / len(values):.3f}   per seed {seeds}   {remark}{setting}".rstrip())


def _evaluate(arguments: list[str]) -> int:
    from .options import EvaluateOptions, parse

    _require_training()
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        raise UsageError("evaluate: name a run folder first")
    help_only = arguments[0] in ("-h", "--help")
    options = parse(EvaluateOptions, arguments if help_only else arguments[1:], "veloq evaluate RUN")
    from .training.measures import figures_of, measure_of
    from .training.policies import evaluate_run
    from .training.rollouts import render, video_path
    from .training.run_folder import RunFolder

    if options.video_episodes < 1:
        raise UsageError(f"video-episodes must be at least 1, got {options.video_episodes}")
    wanted = options.video or options.video_file is not None
    film = video_path(Path(arguments[0]), options.video_file) if wanted else None
    result = evaluate_run(
        Path(arguments[0]),
        options.backend,
        options.episodes,
        options.workers,
        options.behaviour,
        options.checkpoint,
        options.stepping,
        options.patience,
    )
    members = RunFolder.open(Path(arguments[0])).members
    env = RunFolder.open(Path(arguments[0])).config["env"]
    figures = figures_of(env, result.success_rate, result.returns.mean(axis=1)).tolist()
    _print_rates(measure_of(env).title, figures, members, f"({options.episodes} episodes each)   ")
    if film is not None:
        chosen = (options.backend, options.behaviour, options.checkpoint)
        print(f"video              {render(Path(arguments[0]), film, options.video_episodes, *chosen)}")
    return 0


def _data(arguments: list[str]) -> int:
    _require_training()
    from .data_command import run

    return run(arguments)


def _verify(arguments: list[str]) -> int:
    _require("verify", "pytest", "hypothesis", "rich", "tyro")
    from .options import VerifyOptions, parse

    options = parse(VerifyOptions, arguments, "veloq verify")
    given = [f"--{name.replace('_', '-')}={value}" for name, value in vars(options).items() if value is not None]
    # pytest rewrites assertions and turns warnings into errors: it wants an interpreter that has loaded nothing.
    return subprocess.call([sys.executable, "-m", "veloq.verification", *given])


def _bench(arguments: list[str]) -> int:
    _require("bench,jax,torch", "pytest", "pytest_benchmark", "rich", "jax", "torch")
    return subprocess.call([sys.executable, "-m", "veloq.bench", *arguments])


def _list(arguments: list[str]) -> int:
    what = arguments[0] if arguments else ""
    tables = {"methods": _methods, "envs": _environments, "kernels": _kernels, "protocols": _protocols}
    if what not in tables:
        raise UsageError(f"list: expected methods, envs, kernels or protocols, got {what!r}")
    from .tables import show

    show(tables[what]())
    return 0


def _methods() -> Iterator[tuple[str, ...]]:
    from .algorithms import ALGORITHMS
    from .algorithms.tuned import domains, tables

    yield "name", "paper", "backends", "tuned", "summary"
    for method in ALGORITHMS.values():
        tuned = len(domains(tables().get(method.name, {})))
        count = f"{tuned} domain{'s' * (tuned > 1)}" if tuned else "-"
        # One file for all of them; NumPy's acts and is differentiated, the others also train.
        yield method.name, method.paper, "jax, torch, reference", count, method.summary


def _environments() -> Iterator[tuple[str, ...]]:
    _require_training()
    from .training.data.catalogue import find_task, task_names
    from .training.data.gymnasium_tasks import GYMNASIUM_TASKS
    from .training.data.inventory import sources

    yield "name", "data set", "how it is had"
    for name in task_names():
        if "-task" not in name:
            data_set = find_task(name).data_set
            yield name, data_set.name, sources(data_set)
    for task in GYMNASIUM_TASKS.values():
        yield task.name, task.file_name, "minari download" if task.minari else "download"


def _kernels() -> Iterator[tuple[str, ...]]:
    from .core.rows import SPECS

    yield "name", "family", "backends", "equation"
    for spec in SPECS.values():
        yield spec.name, spec.family, "jax, torch, reference", spec.equation


def _protocols() -> Iterator[tuple[str, ...]]:
    from .training.protocols import table

    yield from table()


def _version(arguments: list[str]) -> int:
    for package in ("veloq", "numpy", "scipy", "jax", "torch", "mujoco", "ogbench"):
        try:
            print(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{package} not installed")
    return 0


def _require_training() -> None:
    _require("train,jax", "tyro", "rich", "ogbench", "safetensors", "h5py", "matplotlib")


def _require(extra: str, *modules: str) -> None:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingBackendError(f"this command needs {', '.join(missing)}: pip install 'veloq[{extra}]'")


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known: {', '.join(known)}"
