"""Reads files of tasks with answers, whoever made them: for the report.

JSON Lines or one JSON list of objects with `instruction`, `output` and, where there is one, `input`
(Alpaca, MedInstruct, `edgemed instructions make`). `topic`, `view`, `type` and `difficulty` are
read if present; other fields are ignored. Bad rows are refused by file and line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from edgemed.errors import InvalidFile
from edgemed.training.examples import KIND, asked_of, given_input, read_rows

FORM = "each row has instruction and output, and may have input, topic, view, type, difficulty"
STRATA = ("type", "view", "difficulty", "topic")
"""By what tasks are counted."""


class Answered(NamedTuple):
    """A task with its answer; `labels` holds what the row says of STRATA, as text."""

    place: str
    instruction: str
    input: str
    output: str
    labels: Mapping[str, str]

    @property
    def asked(self) -> str:
        """What the model is asked."""
        return asked_of(self.instruction, self.input)


def read_answered(path: Path) -> list[Answered]:
    """All rows of `path`. InvalidFile names the first bad one."""
    found = [answered(row, place) for place, row in read_rows(path, KIND)]
    if not found:
        raise InvalidFile(f"{path} holds no task", FORM)
    return found


def answered(row: Any, place: str) -> Answered:
    """One row, checked."""
    if not isinstance(row, Mapping):
        bad(place, "it is not an object")
    for name in ("instruction", "output"):
        if not isinstance(row.get(name), str):
            bad(place, f"`{name}` is missing or not text")
    given = given_input(row.get("input"))
    if given is None:
        bad(place, "`input` is not text")
    labels = {name: str(row[name]) for name in STRATA if is_label(row.get(name))}
    return Answered(place, row["instruction"], given, row["output"], labels)


def is_label(value: Any) -> bool:
    """A text, or a whole number."""
    return bool(value) if isinstance(value, str) else type(value) is int


def bad(place: str, why: str) -> NoReturn:
    raise InvalidFile(f"{place}: {why}", FORM)
