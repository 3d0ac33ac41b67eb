"""Mutants of the implementations, made by cosmic-ray's operators, and a fair sample of them."""

import ast
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .reach import definitions

# Left out: shifts and bitwise operators in place of arithmetic, floor divisions and remainders, which raise or answer
# nonsense at once and would flatter the score, and variables replaced at random.
OPERATORS = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul", "Mul_Add")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("FloorDiv_Div", "FloorDiv_Mul", "Mod_FloorDiv", "BitAnd_BitOr")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "Gt_Lt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("LtE_GtE", "GtE_LtE", "Eq_NotEq", "NotEq_Eq", "Is_IsNot")),
    *("ReplaceComparisonOperator_IsNot_Is", "ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not"),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop", "ReplaceBreakWithContinue"),
)


@dataclass(frozen=True)
class Mutant:
    """One mutated place.

    Attributes:
        implementation: "reference", "jax" or "torch".
        module: the module's name inside it.
        definition: the top-level function or class that is mutated.
        operator: cosmic-ray's operator, without its "core/".
        occurrence: which of the places where the operator applies in this module.
        line: of the place.
        before, after: that line, stripped.
    """

    implementation: str
    module: str
    definition: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str


Place = tuple[str, Path, str, int]  # implementation, module, operator, occurrence


def places(implementation: str, folder: Path) -> list[Place]:
    """Every place in a package's modules where an operator applies."""
    found = []
    for path in sorted(folder.glob("*.py")):
        tree = _tree(path)
        for operator in OPERATORS:
            mutator = _operator(operator)
            count = sum(len(list(mutator.mutation_positions(node))) for node in tree)
            found += [(implementation, path, operator, occurrence) for occurrence in range(count)]
    return found


def mutant_at(place: Place) -> Mutant | None:
    """The mutant of a place; None in annotations, and outside functions, classes and constants."""
    implementation, path, operator, occurrence = place
    source = path.read_text(encoding="utf-8")
    line, before, after = _difference(source, mutate(source, operator, occurrence))
    owner = _owners(source).get(line)
    if owner is None or ("Binary" in operator and line in _annotation_lines(source)):
        return None
    return Mutant(implementation, path.stem, owner, operator, occurrence, line, before, after)


def sample(found: list[Place], count: int, seed: int) -> list[Mutant]:
    """`count` mutants at random, no two of one line with the same result; fewer if there are not so many.

    Places are ordered by a hash of what they are, so that an edit elsewhere leaves most of a sample as it was.
    """
    chosen: dict[tuple[str, str, int, str], Mutant] = {}
    for place in sorted(found, key=lambda place: _rank(place, seed)):
        mutant = mutant_at(place)
        if mutant is not None:
            chosen.setdefault((mutant.implementation, mutant.module, mutant.line, mutant.after), mutant)
        if len(chosen) == count:
            break
    return list(chosen.values())


def _rank(place: Place, seed: int) -> bytes:
    implementation, path, operator, occurrence = place
    return hashlib.sha256(f"{seed} {implementation} {path.stem} {operator} {occurrence}".encode()).digest()


def mutate(source: str, operator: str, occurrence: int) -> str:
    """The source with one place mutated."""
    from cosmic_ray.mutating import mutate_code

    mutated: str | None = mutate_code(source, _operator(operator), occurrence)
    if mutated is None:
        raise LookupError(f"{operator} has no occurrence {occurrence}")
    return mutated


@cache
def _operator(name: str) -> Any:
    from cosmic_ray.plugins import get_operator

    return get_operator(f"core/{name}")()


def _tree(path: Path) -> list[Any]:
    from cosmic_ray.ast import ast_nodes, get_ast

    return list(ast_nodes(get_ast(path.read_text(encoding="utf-8"))))


def _owners(source: str) -> dict[int, str]:
    """The top-level definition that each line belongs to, decorators included."""
    owners = {}
    for name, node in definitions(ast.parse(source)):
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        owners.update(dict.fromkeys(range(first, (node.end_lineno or first) + 1), name))
    return owners


def _annotation_lines(source: str) -> set[int]:
    """Lines of signatures, where `*` and `/` separate arguments."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            found.update(range(node.lineno, node.body[0].lineno))
    return found


def _difference(source: str, mutated: str) -> tuple[int, str, str]:
    old, new = source.splitlines(), mutated.splitlines()
    differing = (at for at, (before, after) in enumerate(zip(old, new, strict=False)) if before != after)
    place = next(differing, len(old) - 1)
    if len(old) == len(new):
        return place + 1, old[place].strip(), new[place].strip()
    # A decorator is removed together with the empty lines above it.
    place += next(offset for offset, line in enumerate(old[place:]) if line.strip())
    return place + 1, old[place].strip(), "(removed)"
