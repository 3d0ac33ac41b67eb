"""`veloq data`: put data sets in place, say what is in a file and what is wrong with it."""

from collections.abc import Callable
from pathlib import Path

from .core.errors import UsageError
from .options import DataConvertOptions, DataDirectory, DataExpertOptions, DataInfoOptions, DataOptions, parse

HELP = ("-h", "--help")
FAULTY = 1
# Steps by which an expert walks; None where nobody has trained one here.
BODIES = {"ant": 400_000, "humanoid": None}


def run(arguments: list[str]) -> int:
    """One data command.

    Returns:
        0, or 1 when a checked file has faults.
    """
    if arguments and arguments[0] in HELP:
        arguments = ["make", *arguments]
    commands: dict[str, Callable[[list[str]], int]] = {
        "list": _list,
        "make": _make,
        "fetch": _fetch,
        "info": _info,
        "check": _check,
        "convert": _convert,
        "train-expert": _train_expert,
    }
    if not arguments or arguments[0] not in commands:
        raise UsageError(
            "data: the commands are `veloq data list`, `make NAME`, `fetch NAME`, `info NAME|FILE`, `check FILE`, "
            "`convert FILE...` and `train-expert BODY`"
        )
    return commands[arguments[0]](arguments[1:])


def _make(arguments: list[str]) -> int:
    name, rest = _split(arguments, "data make: name a data set first, for instance pointmaze-medium-navigate-v0")
    options = parse(DataOptions, rest, "veloq data make NAME")
    from rich.console import Console

    from .training.data.make import make

    path = make(
        name,
        options.transitions,
        options.seed,
        options.workers,
        options.data_directory,
        Console(),
        options.source,
        options.expert,
    )
    print(path)
    return 0


def _fetch(arguments: list[str]) -> int:
    name, rest = _split(arguments, "data fetch: name a data set first, for instance antmaze-large-navigate-v0")
    options = parse(DataDirectory, rest, "veloq data fetch NAME")
    from rich.console import Console

    from .core.errors import UsageError
    from .training.data.download import fetch_d4rl
    from .training.data.gymnasium_tasks import find_gymnasium_task
    from .training.data.make import make

    task = find_gymnasium_task(name)
    if task is None:
        print(make(name, directory=options.data_directory, console=Console(), source="official"))
    elif task.minari:
        raise UsageError(f"{name}: Minari's own command fetches it: minari download {name}")
    else:
        print(fetch_d4rl(task, task.directory(options.data_directory), Console()))
    return 0


def _list(arguments: list[str]) -> int:
    options = parse(DataDirectory, arguments, "veloq data list")
    from .tables import show
    from .training.data.files import data_directory
    from .training.data.inventory import inventory

    show(inventory(data_directory(options.data_directory)))
    return 0


def _info(arguments: list[str]) -> int:
    name, rest = _split(arguments, "data info: name a data set or a file first")
    options = parse(DataInfoOptions, rest, "veloq data info NAME|FILE")
    from .training.data.inspection import draw, inspect

    inspection = inspect(name, options.data_directory)
    for title, value in inspection.lines():
        print(f"{title:<18} {value}")
    if options.picture is not None:
        draw(inspection, options.picture)
        print(f"{'picture':<18} {options.picture}")
    return 0


def _check(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise UsageError("data check: name one file, `veloq data check FILE`")
    from .training.data.inspection import check

    found = check(Path(arguments[0]))
    print("\n".join(found) if found else f"{arguments[0]}: nothing wrong")
    return FAULTY if found else 0


def _convert(arguments: list[str]) -> int:
    count = next((at for at, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    options = parse(DataConvertOptions, arguments[count:], "veloq data convert FILE...")
    files = [Path(word) for word in arguments[:count]]
    if not files:
        raise UsageError("data convert: name one npz file or more first")
    from rich.console import Console

    from .training.data.convert import convert

    print(convert(files, options.output or files[0].with_suffix(""), Console()))
    return 0


def _train_expert(arguments: list[str]) -> int:
    name, rest = _split(arguments, f"data train-expert: name the body first, {' or '.join(BODIES)}")
    options = parse(DataExpertOptions, rest, "veloq data train-expert BODY")
    if name not in BODIES:
        raise UsageError(f"data train-expert: expected {' or '.join(BODIES)}, got {name!r}")
    steps = BODIES[name] if options.steps is None else options.steps
    if steps is None:
        raise UsageError(
            f"steps: say how many for a {name}; OGBench's took 40,000,000, whose experience takes 26 GB of memory here"
        )
    from .command import main

    words = ["train", "rlpd", "--env", f"{name}-xy", "--updates", "0", "--online", str(steps), "--warmup", "0"]
    words += ["--evaluate-every", str(max(1, steps // 20)), "--curve-episodes", "5", "--episodes", "10"]
    words += ["--backend", options.backend, "--first-seed", str(options.seed), "--directory", str(options.directory)]
    # Soft actor-critic's usual sizes; mean minus one deviation of two critics is their minimum.
    words += ["--config.hidden", "256", "256", "--config.critics", "2", "--config.rho", "1", "--config.chunk", "1"]
    return main(words)


def _split(arguments: list[str], complaint: str) -> tuple[str, list[str]]:
    """The name that comes first, and the options after it; only --help may stand alone."""
    if arguments and arguments[0] in HELP:
        return "", arguments
    if not arguments or arguments[0].startswith("-"):
        raise UsageError(complaint)
    return arguments[0], arguments[1:]
