"""A copy of an implementation whose source differs in one place, living beside the original."""

import ast
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from ..backends import Backend

Edit = Callable[[str], str]
OPTIMISATIONS = "jax_disable_most_optimizations"
_numbers = itertools.count()


@contextmanager
def planted(backend: Backend, module: str, edit: Edit) -> Iterator[Backend]:
    """The backend with one module's source edited, kernels and engine alike; the original is left as it is.

    JAX, which spends most of a trial compiling, optimises little meanwhile: what is run a few times need not be fast.

    Args:
        backend: the implementation to copy.
        module: the edited module's name inside it, like "adjoint".
        edit: from the module's source to the faulty one.

    Yields:
        A backend to aim checks at.

    Raises:
        LookupError: the implementation has no such module.
    """
    with copied(backend.module, module, edit) as name, _quickly_compiled(backend):
        faulty = backend.variant()
        faulty.module = name
        yield faulty


@contextmanager
def copied(package: str, module: str, edit: Edit) -> Iterator[str]:
    """Import a copy of a package under a name of its own, beside it, with one module edited; yields that name."""
    parent, _, leaf = package.rpartition(".")
    name = f"{parent}.planted_{leaf}_{next(_numbers)}"
    origin = importlib.import_module(package)
    finder = _Finder(Path(str(origin.__file__)).parent, leaf, name, module, edit)
    if not (finder.folder / f"{module}.py").exists():
        raise LookupError(f"{package} has no module {module!r}")
    # Modules are imported when first used: an edit without its place must not wait for a check to trip over it.
    edit((finder.folder / f"{module}.py").read_text(encoding="utf-8"))
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(name)
        yield name
    finally:
        sys.meta_path.remove(finder)
        for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[key]
        vars(importlib.import_module(parent)).pop(name.rpartition(".")[2], None)


@contextmanager
def _quickly_compiled(backend: Backend) -> Iterator[None]:
    if backend.name != "jax":
        yield
        return
    config = importlib.import_module("jax").config
    config.update(OPTIMISATIONS, True)
    try:
        yield
    finally:
        config.update(OPTIMISATIONS, False)


def replacing(old: str, new: str, inside: str) -> Edit:
    """The edit that replaces `old`, found exactly once inside the function (or class) `inside`, by `new`.

    The edit raises LookupError if the source has no such function, or the function not exactly one such place: a
    fault that can no longer be planted must not count as caught.
    """

    def edit(source: str) -> str:
        node = next((node for node in ast.walk(ast.parse(source)) if getattr(node, "name", None) == inside), None)
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            raise LookupError(f"no function {inside!r} to plant a fault in")
        lines = source.splitlines(keepends=True)
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        before, body = "".join(lines[:first]), "".join(lines[first : node.end_lineno])
        code = _without_docstring(node, body, first)
        if code.count(old) != 1:
            raise LookupError(f"{inside}: {old!r} stands {code.count(old)} times, expected once")
        place = body.rindex(old)
        return before + body[:place] + new + body[place + len(old) :] + "".join(lines[node.end_lineno :])

    return edit


def _without_docstring(node: ast.FunctionDef | ast.ClassDef, body: str, first: int) -> str:
    """The code of a definition: equations in docstrings often read like the code below them."""
    lines = body.splitlines(keepends=True)
    statement = node.body[0]
    if ast.get_docstring(node) is not None and statement.end_lineno is not None:
        del lines[statement.lineno - 1 - first : statement.end_lineno - first]
    return "".join(lines)


class _Finder(MetaPathFinder):
    """Finds the modules of a copy in the files of the original."""

    def __init__(self, folder: Path, leaf: str, name: str, module: str, edit: Edit) -> None:
        self.folder, self.leaf, self.name, self.module, self.edit = folder, leaf, name, module, edit

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, if it belongs to this copy."""
        if fullname == self.name:
            return self._spec(fullname, "__init__", [str(self.folder)])
        if fullname.startswith(f"{self.name}."):
            return self._spec(fullname, fullname.removeprefix(f"{self.name}."), None)
        return None

    def _spec(self, fullname: str, module: str, locations: list[str] | None) -> ModuleSpec | None:
        file = self.folder / f"{module}.py"
        loader = _Loader(fullname, str(file), self._read(file, module == self.module))
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=locations)

    def _read(self, file: Path, faulty: bool) -> str:
        source = file.read_text(encoding="utf-8")
        # A package that imports itself by name must find its copy.
        alias = self.name.rpartition(".")[2]
        return (self.edit(source) if faulty else source).replace(
            f"from .. import {self.leaf} as", f"from .. import {alias} as"
        )


class _Loader(SourceFileLoader):
    """Compiles the text it was given, never the bytecode that lies beside the file."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:
        """The code of the edited text."""
        return compile(self.source, self.path, "exec", dont_inherit=True)
