"""Which kernels a function serves: the names it is reached by, read off the sources of one implementation."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from ...core.rows import SPECS

ENGINE = frozenset({"Engine", "loss_and_gradients", "policy"})


def users(folder: Path) -> Mapping[str, set[str]]:
    """For every function and class of a package, by name: the functions that mention it, itself among them.

    Names are not resolved: two functions of one name are taken for each other, which names too many users, never
    too few.
    """
    mentions: dict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.glob("*.py")):
        for name, node in definitions(ast.parse(path.read_text(encoding="utf-8"))):
            mentions[name] |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            mentions[name] |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    found = {name: {name} for name in mentions}
    grew = True
    while grew:
        grew = False
        for name, reached_by in found.items():
            more = {user for user, said in mentions.items() if said & reached_by} - reached_by
            reached_by |= more
            grew = grew or bool(more)
            found[name] = reached_by
    return found


def definitions(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    """The top-level definitions of a module, assignments included, by name."""
    found: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append((node.name, node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [(target.id, node) for target in targets if isinstance(target, ast.Name)]
    return found


def kernels_served(name: str, found: Mapping[str, set[str]]) -> list[str]:
    """The kernels that reach a definition, the kernel itself first; empty if none does."""
    reached_by = found.get(name, set())
    return sorted(reached_by & SPECS.keys(), key=lambda kernel: (kernel != name, kernel))


def serves_engine(name: str, found: Mapping[str, set[str]]) -> bool:
    """Whether training or acting reaches a definition."""
    return bool(found.get(name, set()) & ENGINE)
