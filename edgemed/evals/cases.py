"""Cases: prompts of the user's own, each with what its answer is held against.

A file has one JSON object a line; `axis` groups cases whose mean is one score:

    {"axis": "clinical", "prompt": "Summarize: ...", "expect": {"rouge-l": "Admitted for ..."}}
    {"axis": "format", "prompt": "List ...", "expect": {"bullets": 3, "words-at-most": 40}}
    {"axis": "clinical", "system": "You are ...", "prompt": "...", "expect": {"facts": ["fever"]}}

What does not hold to this is refused with its line; no word of a case is ever in a refusal.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from edgemed_models.base import Message

from edgemed.errors import InvalidFile
from edgemed.evals.metrics import LISTED, METRICS, WORD, is_text
from edgemed.evals.sweep_file import MOST_AXES, kind_of

FORM = "each line is an object with axis, prompt and expect; see README, Sweeps"
KEYS = {"axis", "prompt", "system", "expect"}
LARGEST = 1 << 26  # bytes
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which JSON can spell


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt; `where` is its file and line, for messages."""

    axis: str
    messages: tuple[Message, ...]
    expect: tuple[tuple[str, Any], ...]
    where: str

    def worth(self, answer: str, complete: bool = True) -> float:
        """What an answer is worth, from 0 to 1; one that was cut keeps no rule."""
        if not WORD.search(answer):
            return 0.0
        if not complete and any(METRICS[name].whole for name, _ in self.expect):
            return 0.0
        return prod(METRICS[name].worth(answer, argument) for name, argument in self.expect)


def read_cases(paths: Iterable[Path]) -> tuple[Case, ...]:
    """The cases of all files, in order. Raises InvalidFile with file, line and remedy."""
    cases = tuple(case for path in paths for case in cases_of(text_of(path), path.name))
    refuse_twins(cases)
    axes = {case.axis for case in cases}
    if len(axes) > MOST_AXES:
        raise InvalidFile(f"the cases have {len(axes)} axes", f"use {MOST_AXES} at most")
    return cases


def refuse_twins(cases: Sequence[Case]) -> None:
    """A case that counts twice would make intervals too narrow."""
    seen: dict[str, str] = {}
    for case in cases:
        first = seen.setdefault(digest_of([case]), case.where)
        if first != case.where:
            raise InvalidFile(f"{case.where} is the same case as {first}", "leave one of them out")


def text_of(path: Path) -> str:
    """The text of a file of cases."""
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidFile(f"{path} is larger than {LARGEST:,} bytes", FORM)
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(
            f"{path} cannot be read: {kind_of(error)}", "name a file of cases"
        ) from None


def cases_of(text: str, name: str) -> list[Case]:
    """The cases of a file's text; `name` is what a refusal calls it."""
    # Only line feeds end a line: JSON may hold what str.splitlines takes for others.
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not numbered:
        raise InvalidFile(f"{name} holds no cases", FORM)
    return [case_of(line, f"{name}, line {n}") for n, line in numbered]


class Twins(ValueError):
    """A key stands twice, of which JSON readers drop one in silence."""


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of a JSON object, as a table."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise Twins
    return table


def case_of(line: str, where: str) -> Case:
    """One line as a case."""
    try:
        table = json.loads(line, object_pairs_hook=without_twins)
    except Twins:
        raise InvalidFile(f"{where}: a key stands twice in one object", FORM) from None
    except (ValueError, RecursionError):
        raise InvalidFile(f"{where}: not JSON", FORM) from None
    if not isinstance(table, dict):
        raise InvalidFile(f"{where}: not an object", FORM)
    if unknown := set(table) - KEYS:
        raise InvalidFile(f"{where}: {len(unknown)} keys that no case has", FORM)
    axis = table.get("axis")
    named = isinstance(axis, str) and is_text(axis) and axis.isprintable() and len(axis) <= 40
    if not isinstance(axis, str) or not named:
        raise InvalidFile(f"{where}: axis must be a short name", FORM)
    system = (Message("system", words(table, "system", where)),) if "system" in table else ()
    prompt = Message("user", words(table, "prompt", where))
    return Case(axis, (*system, prompt), expected(table.get("expect"), where), where)


def words(table: dict[str, Any], key: str, where: str) -> str:
    """A text of a line."""
    value = table.get(key)
    if not isinstance(value, str) or not value.strip() or SURROGATE.search(value):
        raise InvalidFile(f"{where}: {key} must be a text", FORM)
    return value


def expected(table: Any, where: str) -> tuple[tuple[str, Any], ...]:
    """The metrics of a line with their arguments."""
    if not isinstance(table, dict) or not table:
        raise InvalidFile(f"{where}: expect must name a metric", f"one of {', '.join(METRICS)}")
    return tuple((name, argument_of(name, value, where)) for name, value in table.items())


def argument_of(name: str, value: Any, where: str) -> Any:
    """What a metric is given, in its own form."""
    if name not in METRICS:
        raise InvalidFile(f"{where}: an unknown metric", f"use one of {', '.join(METRICS)}")
    if name in LISTED and isinstance(value, str):
        value = [value]
    if not METRICS[name].fits(value):
        raise InvalidFile(f"{where}: {name} takes something else", f"give {METRICS[name].argument}")
    return value


def digest_of(cases: Sequence[Case]) -> str:
    """What tells these cases from others, and says nothing of them to who has no copy."""
    rows = [[c.axis, [[m.role, m.content] for m in c.messages], c.expect] for c in cases]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
