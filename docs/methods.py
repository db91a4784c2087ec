"""The page of merge methods, made from their table, signatures and docstrings."""

import inspect
import math
from collections.abc import Iterator

from edgemed.merging.methods.method import Method
from edgemed.merging.methods.schema import Parameter
from edgemed.merging.methods.table import METHODS

BASES = {
    "none": "no base model",
    "optional": "a base model if you give one",
    "required": "a base model (`--base`)",
    "first of two": "the first model is the base",
}


def methods() -> str:
    """One section per method: what it takes, its formula and source, its parameters."""
    return "\n".join(line for name in METHODS for line in section(name, METHODS[name]))


def section(name: str, method: Method) -> Iterator[str]:
    yield from (f"## {name}", "", f"Takes {counted(method)}; {BASES[method.base]}.", "")
    yield from ("```", inspect.getdoc(method.function) or "", "```", "")
    if method.parameters:
        yield from ("| parameter | kind | range | default |", "|---|---|---|---|")
        yield from (row(parameter) for parameter in method.parameters.values())
        yield ""


def counted(method: Method) -> str:
    """How many models beside the base."""
    if method.most == method.least:
        return f"{method.least} model{'s' * (method.least > 1)}"
    return (
        f"{method.least} or more models"
        if method.most is None
        else (f"{method.least} to {method.most} models")
    )


def row(p: Parameter) -> str:
    kind = {float: "number", int: "whole number", bool: "true or false", str: "word"}[p.kind]
    each = ", one for each model" if p.each else ""
    default = "required" if p.default is None else f"`{str(p.default).lower()}`"
    return f"| `{p.name}` | {kind}{each} | {limits(p)} | {default} |"


def limits(p: Parameter) -> str:
    if p.range is None:
        return ""
    low, high = p.range
    start = {math.ulp(0.0): "above 0", -math.inf: ""}.get(low, f"at least {low:g}")
    end = "" if high in (math.inf, 2**31) else f"at most {high:g}"
    return ", ".join(part for part in (start, end) if part)
