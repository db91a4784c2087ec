"""Settings of a parameter: one value, a gradient over depth, or a list of filters tried in order.

Evaluated once for every tensor while planning. Knows no methods and no files.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from edgemed.gguf.tensor_names import GROUPS, Names

Scalar = float | bool | str
Values = Scalar | tuple[float, ...] | tuple[str, ...]
"""A value, or the anchors of a gradient."""


class Filter(NamedTuple):
    """`value` for the tensors that `pattern` matches: a group, or part of a name; None: all."""

    pattern: str | None
    value: Values


Setting = Values | tuple[Filter, ...]
Settings = Mapping[str, Setting]


def evaluate(setting: Setting, names: Names, depth: float) -> Scalar | None:
    """The value for a tensor at `depth` (0 first block, 1 last); None if no filter matches it."""
    for rule in rules(setting):
        if matches(rule.pattern, names):
            return at_depth(rule.value, depth)
    return None


def lookup(key: str, levels: Iterable[Settings], names: Names, depth: float) -> Scalar | None:
    """The value of `key` at the first of `levels` that has one for this tensor."""
    for level in levels:
        if key in level:
            value = evaluate(level[key], names, depth)
            if value is not None:
                return value
    return None


def rules(setting: Setting) -> Iterator[Filter]:
    """`setting` as filters: one for all tensors unless it is a list of them already."""
    if isinstance(setting, tuple):
        filters = [rule for rule in setting if isinstance(rule, Filter)]
        if filters:
            yield from filters
            return
    yield Filter(None, setting)  # type: ignore[arg-type]


def before(first: Setting, then: Setting) -> Setting:
    """A setting with the value of `first` if it has one, otherwise of `then`."""
    filters = tuple(rules(first))
    return first if filters[-1].pattern is None else (*filters, *rules(then))


def matches(pattern: str | None, names: Names) -> bool:
    """Whether a filter matches this tensor: by group, or as part of one of its names."""
    if pattern is None or pattern == "*":
        return True
    if names.hf is not None and pattern in names.hf:
        return True
    return names.group == pattern if pattern in GROUPS else pattern in names.gguf


def at_depth(value: Values, depth: float) -> Scalar:
    """Linear between the two anchors around `depth`; words change at the anchors."""
    if not isinstance(value, tuple):
        return value
    place = depth * (len(value) - 1)
    low = int(place)
    if any(isinstance(anchor, str) for anchor in value):
        return value[low]
    high, part = min(low + 1, len(value) - 1), place - low
    return (1.0 - part) * float(value[low]) + part * float(value[high])
