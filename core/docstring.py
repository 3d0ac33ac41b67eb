"""The part of a kernel's docstring that its Spec row already states."""

import inspect

from .spec import Arg, Out, Spec


def described(docstring: str | None, spec: Spec) -> str:
    """The docstring with arguments, results, errors and source of the row; one that has its own is kept."""
    text = inspect.cleandoc(docstring or spec.summary)
    if "Args:" in text:
        return text
    lines = [text, "", "Args:", *(f"    {arg.name}: {_argument(arg)}" for arg in spec.args)]
    lines += ["", "Returns:", *(f"    {_result(out)}" for out in spec.returns)]
    lines += ["", "Raises:", "    ContractError: an argument, or what a callable returned, is outside the contract."]
    lines += ["", f"Source: {spec.source}."]
    return "\n".join(lines)


def _argument(arg: Arg) -> str:
    kinds = {
        "array": f"({arg.shape.replace(' ', ', ')})",
        "scalar": "a number or 0-d array",
        "integer": "an int",
        "field": "(x, t) -> velocity shaped like x",
        "average_field": "(x, t, r) -> velocity shaped like x",
        "critic": "a -> values (K, ...)",
        "aggregate": "values (K, ...) -> (...)",
    }
    within = f", in {arg.domain}" if arg.domain.checked else ""
    return f"{kinds[arg.kind]}{within}{'' if arg.gradient else '; no gradient'}."


def _result(out: Out) -> str:
    return f"{out.name} ({out.shape.replace(' ', ', ')}){', an integer index' if out.index else ''}."
