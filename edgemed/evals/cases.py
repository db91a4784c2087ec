"""Cases: the user's own prompts, each with what to expect of the answer.

A file has one JSON object per line; the cases of an `axis` give one mean score:

    {"axis": "clinical", "prompt": "Summarize: ...", "expect": {"rouge-l": "Admitted for ..."}}
    {"axis": "format", "prompt": "List ...", "expect": {"bullets": 3, "words-at-most": 40}}
    {"axis": "clinical", "system": "You are ...", "prompt": "...", "expect": {"facts": ["fever"]}}

A line in any other form is refused with its number; no error ever quotes a word of a case.
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
from edgemed.storage.bounded import read_bounded

FORM = 'write each line as {"axis": "NAME", "prompt": "...", "expect": {"facts": ["..."]}}'
KEYS = {"axis", "prompt", "system", "expect"}
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which JSON can write


@dataclass(frozen=True, slots=True)
class SweepCase:
    """One prompt; `where` is its file and line, for messages."""

    axis: str
    messages: tuple[Message, ...]
    expect: tuple[tuple[str, Any], ...]
    where: str

    def worth(self, answer: str, complete: bool = True) -> float:
        """The score of an answer, from 0 to 1; an answer that was cut fails every rule."""
        if not WORD.search(answer):
            return 0.0
        if not complete and any(METRICS[name].whole for name, _ in self.expect):
            return 0.0
        return prod(METRICS[name].worth(answer, argument) for name, argument in self.expect)


def read_cases(paths: Iterable[Path]) -> tuple[SweepCase, ...]:
    """The cases of all files, in order. Raises InvalidFile with file, line and remedy."""
    cases = tuple(case for path in paths for case in cases_of(text_of(path), path.name))
    refuse_twins(cases)
    axes = {case.axis for case in cases}
    if len(axes) > MOST_AXES:
        raise InvalidFile(f"the cases have {len(axes)} axes", f"use at most {MOST_AXES}")
    return cases


def refuse_twins(cases: Sequence[SweepCase]) -> None:
    """Refuse a case that occurs twice: it would make the intervals too narrow."""
    seen: dict[str, str] = {}
    for case in cases:
        first = seen.setdefault(digest_of([case]), case.where)
        if first != case.where:
            raise InvalidFile(f"{case.where} is the same case as {first}", "remove one of them")


def text_of(path: Path) -> str:
    """The text of a file of cases."""
    try:
        return read_bounded(path, "file of cases").decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(
            f"{path} cannot be read: {kind_of(error)}", "give a file of cases"
        ) from None


def cases_of(text: str, name: str) -> list[SweepCase]:
    """The cases in the text of a file that errors call `name`."""
    # Only line feeds end a line: JSON may hold characters at which str.splitlines would split.
    numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not numbered:
        raise InvalidFile(f"{name} holds no cases", FORM)
    return [case_of(line, f"{name}, line {n}") for n, line in numbered]


class Twins(ValueError):
    """A key occurs twice: JSON readers would silently drop one."""


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs of a JSON object as a dict; raises Twins if a key occurs twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise Twins
    return table


def case_of(line: str, where: str) -> SweepCase:
    """One line as a case."""
    try:
        table = json.loads(line, object_pairs_hook=without_twins)
    except Twins:
        raise InvalidFile(f"{where}: a key occurs twice in one object", FORM) from None
    except (ValueError, RecursionError):
        raise InvalidFile(f"{where}: not JSON", FORM) from None
    if not isinstance(table, dict):
        raise InvalidFile(f"{where}: not an object", FORM)
    if unknown := set(table) - KEYS:
        raise InvalidFile(f"{where}: unknown keys ({len(unknown)})", FORM)
    axis = table.get("axis")
    named = isinstance(axis, str) and is_text(axis) and axis.isprintable() and len(axis) <= 40
    if not isinstance(axis, str) or not named:
        raise InvalidFile(f"{where}: axis must be a short name", FORM)
    system = (Message("system", words(table, "system", where)),) if "system" in table else ()
    prompt = Message("user", words(table, "prompt", where))
    return SweepCase(axis, (*system, prompt), expected(table.get("expect"), where), where)


def words(table: dict[str, Any], key: str, where: str) -> str:
    """A text of a line."""
    value = table.get(key)
    if not isinstance(value, str) or not value.strip() or SURROGATE.search(value):
        raise InvalidFile(f"{where}: {key} must be a text", FORM)
    return value


def expected(table: Any, where: str) -> tuple[tuple[str, Any], ...]:
    """The metrics of a line, with their arguments."""
    if not isinstance(table, dict) or not table:
        raise InvalidFile(f"{where}: expect must name a metric", f"one of {', '.join(METRICS)}")
    return tuple((name, argument_of(name, value, where)) for name, value in table.items())


def argument_of(name: str, value: Any, where: str) -> Any:
    """The argument of a metric, checked."""
    if name not in METRICS:
        raise InvalidFile(f"{where}: an unknown metric", f"use one of {', '.join(METRICS)}")
    if name in LISTED and isinstance(value, str):
        value = [value]
    if not METRICS[name].fits(value):
        raise InvalidFile(f"{where}: {name} has a wrong value", f"give {METRICS[name].argument}")
    return value


def digest_of(cases: Sequence[SweepCase]) -> str:
    """A digest that identifies these cases and reveals none of their text."""
    rows = [[c.axis, [[m.role, m.content] for m in c.messages], c.expect] for c in cases]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
