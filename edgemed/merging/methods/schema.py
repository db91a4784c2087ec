"""A method's signature is its schema: names, types, ranges and defaults of its parameters.

    weight: Each                    one number a model (base left out)
    t: Share                        one number from 0 to 1
    normalize: bool = True          optional

A trailing underscore in Python (`lambda_`) is left off in recipes.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

from edgemed.errors import UsageError


class Range(NamedTuple):
    """The least and the greatest value of a number."""

    low: float
    high: float


Each = tuple[float, ...]
"""One number a model. A default of one number stands for all of them."""

Share = Annotated[float, Range(0.0, 1.0)]
Shares = Annotated[Each, Range(0.0, 1.0)]
Positive = Annotated[float, Range(math.ulp(0.0), math.inf)]
Count = Annotated[int, Range(1, 2**31)]
Natural = Annotated[int, Range(0, 2**31)]

Value = float | int | bool | str | Each
WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a word"}

Bound = tuple[tuple[str, Value], ...]
"""Parameters of one tensor, by their names in Python."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`each`: one value a model. `default` is None where a value is required."""

    name: str
    python_name: str
    kind: type
    each: bool
    range: Range | None
    default: Any


@cache
def parameters(method: Callable[..., Any]) -> dict[str, Parameter]:
    """Recipe name -> Parameter, from the keyword-only arguments of `method`."""
    found = {}
    for argument in keywords(method).values():
        default = None if argument.default is argument.empty else argument.default
        found[argument.name.rstrip("_")] = _parameter(argument.name, argument.annotation, default)
    return found


def keywords(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The keyword-only arguments, by their names in Python."""
    arguments = inspect.signature(function).parameters.values()
    return {a.name: a for a in arguments if a.kind is a.KEYWORD_ONLY}


def declared(
    function: Callable[..., Any], about: str, arguments: Sequence[inspect.Parameter]
) -> Callable[..., Any]:
    """`function`, which takes any keywords, with this docstring and this signature."""
    stream = inspect.Parameter("stream", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    described: Any = function
    described.__doc__, described.__signature__ = about, inspect.Signature([stream, *arguments])
    return function


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    limits = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Range)), None)
    bare = getattr(hint, "__origin__", hint) if limits else hint
    each = bare is tuple or bare == Each
    if each and default is not None:
        (default,) = default
    return Parameter(name.rstrip("_"), name, float if each else bare, each, limits, default)


def bind(
    known: Mapping[str, Parameter],
    models: int,
    shared: Callable[[str], Any],
    own: Callable[[str, int], Any],
    thing: str,
) -> Bound:
    """Every parameter's checked value for one tensor; UsageError names `thing`.

    `shared(name)` and `own(name, model)` look up a value; None means that it is not set.
    """
    values = []
    for p in known.values():
        if p.each:
            values.append(
                (p.python_name, tuple(_value(p, own(p.name, i), thing) for i in range(models)))
            )
        else:
            values.append((p.python_name, _value(p, shared(p.name), thing)))
    return tuple(values)


def _value(p: Parameter, given: Any, thing: str) -> Any:
    if given is None:
        if p.default is None:
            raise UsageError(
                f"{thing}: {p.name} is not set",
                f"give {p.name} a value, under `parameters` in a recipe",
            )
        return p.default
    if isinstance(given, str) != (p.kind is str) or (p.kind is bool and given not in (0, 1)):
        raise UsageError(f"{p.name} is {given!r}", f"it must be {WORDS[p.kind]}")
    if p.kind in (bool, str):
        return p.kind(given)
    number = ranged(p.name, given, *(p.range or (-math.inf, math.inf)))
    if p.kind is int and number != int(number):
        raise UsageError(f"{p.name} is {given!r}", f"it must be {WORDS[int]}")
    return p.kind(number)


def ranged(name: str, value: float, low: float, high: float) -> float:
    """`value`, or UsageError if it is not a finite number from low to high."""
    if not (math.isfinite(value) and low <= value <= high):
        shown = {math.ulp(0.0): "above 0", -math.inf: "a finite number"}.get(
            low, f"at least {low:g}"
        )
        limit = "" if high == math.inf else f" and at most {high:g}"
        raise UsageError(f"{name} is {value}, out of its range", f"it must be {shown}{limit}")
    return value
