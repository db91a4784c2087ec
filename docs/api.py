"""The page of the Python interface, made from its signatures and docstrings."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields

from edgemed import api

RESULTS = ("Fold", "Summary", "Sweep")
NAMES = ("merge", "fold", "check", "open_model", "quantize", "sweep", "summarize", "review")


def functions() -> str:
    """One section per function, then what they return."""
    lines = [line for name in NAMES for line in section(name)]
    return "\n".join([*lines, *(line for name in RESULTS for line in result(name))])


def result(name: str) -> Iterator[str]:
    """A section for what a function returns: its fields, as written."""
    made = getattr(api, name)
    rows = [f"{field.name}: {kind(field.type)}" for field in fields(made)]
    yield from (f"## edgemed.{name}", "", "```python", *rows, "```", "")
    yield from (paragraph(text) for text in (inspect.getdoc(made) or "").split("\n\n"))


def section(name: str) -> Iterator[str]:
    function = getattr(api, name)
    yield from (f"## edgemed.{name}", "", "```python", f"{name}{signature(name)}", "```", "")
    yield from (paragraph(text) for text in (inspect.getdoc(function) or "").split("\n\n"))


def signature(name: str) -> str:
    """As written: one argument per line, types without quotes."""
    shown = inspect.signature(getattr(api, name))
    arguments: list[str] = []
    for argument in shown.parameters.values():
        if argument.kind is argument.KEYWORD_ONLY and "*" not in "".join(arguments):
            arguments.append("*")
        name, default = argument.name, argument.default
        star = "*" if argument.kind is argument.VAR_POSITIONAL else ""
        end = "" if default is argument.empty else f" = {default!r}"
        arguments.append(f"{star}{name}: {kind(argument.annotation)}{end}")
    text = ",\n    ".join(arguments)
    return f"(\n    {text},\n) -> {kind(shown.return_annotation)}"


def kind(annotation: object) -> str:
    """A type as the source spells it, without the modules of its names."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"(pathlib|collections\.abc|typing|edgemed\.api)\.|'", "", text)


def paragraph(text: str) -> str:
    """A docstring's paragraph; examples as code."""
    if text.startswith(">>>"):
        return f"```python\n{text}\n```\n"
    return text + "\n"
