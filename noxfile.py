"""Every check and command of the project, each from nothing: `nox -l` lists them.

`verify`, `tests`, `bench` and `train` share one environment with the built wheel, made at the first run and
refreshed only when dependencies or sources changed.
"""

import datetime
import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
SHARED = ROOT / ".nox" / "shared"
BIN = SHARED / ("Scripts" if sys.platform == "win32" else "bin")
EXTRAS = "jax,torch,train,robotics,verify,bench,dev"

nox.options.sessions = ["lint", "types", "tests", "verify"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.10"


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(paths):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    folders = ("algorithms", "backends", "bench", "core", "interface", "reference", "training", "verification")
    kinds = ("*.py", "*.toml", "*.sh", "*.json", "*.safetensors")
    found = [path for folder in folders for kind in kinds for path in (ROOT / folder).rglob(kind)]
    return [*found, ROOT / "pyproject.toml"]


def _stale(stamp: Path, digest: str) -> bool:
    return not stamp.exists() or stamp.read_text() != digest


def shared_environment(session: nox.Session) -> None:
    """Bring the shared environment up to date: dependencies when they changed, the wheel when sources did."""
    python = str(BIN / "python")
    wanted, wheel = SHARED / "dependencies.stamp", SHARED / "wheel.stamp"
    dependencies = _digest([ROOT / "pyproject.toml", ROOT / "constraints.txt"])
    sources = _digest(_sources())
    if _stale(wanted, dependencies):
        session.run(sys.executable, "-m", "venv", "--clear", str(SHARED), external=True, silent=True)
        torch = next(line for line in (ROOT / "constraints.txt").read_text().split() if line.startswith("torch=="))
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        # Alone and spelled with ==, or some indexes answer with gigabytes of CUDA.
        session.run(*install, torch, external=True)
        session.run(*install, "-c", "constraints.txt", "setuptools", f".[{EXTRAS}]", external=True)
        wanted.write_text(dependencies)
        wheel.unlink(missing_ok=True)
    if _stale(wheel, sources):
        # setuptools would put what an earlier build left there into the wheel.
        shutil.rmtree(ROOT / "build", ignore_errors=True)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        session.run(*install, "--no-build-isolation", "--force-reinstall", ".", external=True)
        shutil.rmtree(ROOT / "build", ignore_errors=True)
        wheel.write_text(sources)


@nox.session(venv_backend="none")
def verify(session: nox.Session) -> None:
    """Prove the mathematics: every kernel on every backend. `-- --profile ci` is the long form.

    CI's is that one with a tenth of the planted faults and a third of the trainings, every day another.
    """
    shared_environment(session)
    day = str(datetime.date.today().toordinal())
    chosen = any(option.startswith("--profile") for option in session.posargs)
    form = ("--profile", "ci", "--day", day) if os.environ.get("CI") and not chosen else ()
    session.run(str(BIN / "veloq"), "verify", *form, *session.posargs, external=True)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Everything that is not numerics: commands, data, checkpoints, house rules, documentation."""
    shared_environment(session)
    session.run(str(BIN / "pytest"), "-n", "2", "tests", *session.posargs, external=True)


@nox.session(venv_backend="none")
def train(session: nox.Session) -> None:
    """Train QAM on pointmaze-medium and show what it learned, in about five minutes on two cores."""
    shared_environment(session)
    command = (str(BIN / "veloq"), "train", "qam", "--env", "pointmaze-medium-navigate-singletask-v0")
    session.run(*command, "--preset", "quick", *session.posargs, external=True)


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Time every kernel, and six methods against a control, on both backends; stores JSON. `-- --all` measures all."""
    shared_environment(session)
    session.run(str(BIN / "python"), "-m", "veloq.bench", *session.posargs, external=True)


@nox.session(venv_backend="none", default=False)
def mutate(session: nox.Session) -> None:
    """Mutation testing, a sample in half an hour; then `python docs/generate_mutation.py` publishes the score."""
    shared_environment(session)
    output = ROOT / "verification" / "results" / "mutation.json"
    session.run(
        str(BIN / "python"), "-m", "veloq.verification.meta", "--output", str(output), *session.posargs, external=True
    )


@nox.session(venv_backend="none", default=False)
def docs(session: nox.Session) -> None:
    """Write every generated page of docs/ anew from rows, tables and stored results; `-- --check` only compares."""
    shared_environment(session)
    for generator in sorted((ROOT / "docs").glob("generate*.py")):
        session.run(str(BIN / "python"), str(generator), *session.posargs, external=True)


@nox.session(venv_backend="none", default=False)
def gallery(session: nox.Session) -> None:
    """Train the methods of docs/gallery afresh on problems solved exactly and draw what they do."""
    shared_environment(session)
    session.run(str(BIN / "python"), str(ROOT / "docs" / "gallery.py"), *session.posargs, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, import rules and house rules."""
    session.install("-q", "-c", "constraints.txt", "ruff", "pytest")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # The tests of the tree need no veloq; the conftest beside them does.
    session.run("pytest", "-q", "--noconftest", "tests/test_house.py", "tests/test_imports.py")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy --strict on the installed wheel."""
    shared_environment(session)
    session.run(str(BIN / "mypy"), "-p", "veloq", external=True)


@nox.session
def build(session: nox.Session) -> None:
    """Build the source distribution and the wheel into dist/."""
    session.install("-q", "-c", "constraints.txt", "build")
    for folder in ("build", "dist"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist", ".")
