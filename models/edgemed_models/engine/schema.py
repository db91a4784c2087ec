"""Limits on a JSON schema before it becomes a grammar, which spells out each repetition.

`"maxItems": 100000000` would make gigabytes of grammar. Pure arithmetic on the schema's text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgemed_models.base import ModelError

CHARACTERS = 256 << 10
NESTING = 64  # levels of tables and lists
NODES = 20_000
TIMES = 10_000  # of one repetition; a draft has a few hundred words
ALL_TIMES = 50_000  # of all repetitions together

COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
BRACES = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")


def refuse_large(text: str) -> None:
    """Raise ModelError, with the number, if a schema is too large for a grammar."""
    if len(text) > CHARACTERS:
        raise too_large(f"has {len(text):,} characters, more than {CHARACTERS:,}")
    try:
        tree = json.loads(text)
    except RecursionError:
        raise too_large(f"is nested deeper than {NESTING} levels") from None
    except ValueError:
        raise ModelError("the schema is not valid JSON", "correct the template's schema") from None
    together = 0
    for times in counts(tree):
        together += times
        if times > TIMES:
            raise too_large(f"repeats something {times:,} times, more than {TIMES:,}")
    if together > ALL_TIMES:
        raise too_large(f"has {together:,} repetitions in all, more than {ALL_TIMES:,}")


def counts(tree: Any) -> Iterator[int]:
    """Every repetition in a schema; ModelError if the schema is nested too deeply or too large."""
    level, nodes = [tree], 0
    for _ in range(NESTING + 1):
        if not level:
            return
        nodes += len(level)
        if nodes > NODES:
            raise too_large(f"has more than {NODES:,} parts")
        for item in level:
            if isinstance(item, Mapping):
                yield from counts_of(item)
        level = [inner for item in level for inner in inside(item)]
    if level:
        raise too_large(f"is nested deeper than {NESTING} levels")


def counts_of(schema: Mapping[str, Any]) -> Iterator[int]:
    """The repetitions in one object of a schema, including those of its regular expression."""
    for key in COUNTS:
        value = schema.get(key)
        if isinstance(value, int | float) and value == value and abs(value) != float("inf"):
            yield int(value)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        for match in BRACES.finditer(pattern):
            yield from (int(number[:18]) for number in match.groups() if number)


def inside(item: Any) -> list[Any]:
    """The values directly inside a table or list."""
    return (
        list(item.values()) if isinstance(item, Mapping) else item if isinstance(item, list) else []
    )


def too_large(why: str) -> ModelError:
    """The error for a schema that is too large."""
    return ModelError(f"the JSON schema {why}", "make the template's schema smaller")
