"""Reads training examples in the usual forms: a prompt, and the answer to learn.

JSON Lines, one object a line, or one JSON list of such objects:

    {"prompt": ..., "completion": ...}
    {"messages": [{"role": "system" | "user" | "assistant", "content": ...}, ...]}
    {"instruction": ..., "input": ..., "output": ...}          (Alpaca; `input` may be left out,
                                                               or be "<noinput>")

Bad rows are refused by file and line; their words are never quoted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from edgemed_models.base import Message, Role

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.storage.bounded import json_of, read_bounded

KIND = "file of examples"
MOST = 1_000_000  # rows
LONGEST = 1 << 20  # characters of one row
FORMS = "prompt/completion, messages, or instruction/input/output"
NO_INPUT = "<noinput>"  # how MedInstruct says that a task has no input
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Example:
    """The prompt, and the answer to learn. `place`: file and row, for messages.

    Of a dialogue with several answers only the last is learned.
    """

    messages: tuple[Message, ...]
    answer: str
    place: str


def read_examples(path: Path) -> list[Example]:
    """All rows of `path`. InvalidFile names the first bad one."""
    examples = [_example(row, place) for place, row in read_rows(path, KIND)]
    if not examples:
        raise InvalidFile(f"{path} holds no example", f"one JSON object per line: {FORMS}")
    return examples


def read_rows(path: Path, kind: str) -> Iterator[tuple[str, Any]]:
    """Every row of a file of `kind`, JSON Lines or one JSON list, with its place: file and line."""
    try:
        data = read_bounded(path, kind)
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the path") from None
    return _rows(path, data)


def given_input(value: Any) -> str | None:
    """The `input` of a row: empty where there is none, as MedInstruct writes it too; None where it
    is not text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return None
    return "" if value.strip().lower() == NO_INPUT else value


def asked_of(instruction: str, given: str) -> str:
    """What a model is asked: the instruction, followed by the input if there is one."""
    return f"{instruction}\n\n{given}" if given.strip() else instruction


def _rows(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    """Every row with its place."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        rows = _parsed(data, str(path))
        for number, row in enumerate(rows, 1):
            yield _counted(f"{path}, entry {number}", number), row
        return
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            place = _counted(f"{path}, line {number}", number)
            if len(line) > LONGEST:
                _bad(place, f"it is longer than {LONGEST:,} bytes")
            yield place, _parsed(line, place)


def _counted(place: str, number: int) -> str:
    if number > MOST:
        _bad(place, f"there are more than {MOST:,} rows")
    return place


def _parsed(data: bytes, place: str) -> Any:
    try:
        return json_of(data.decode("utf-8"))
    except UnicodeDecodeError:
        _bad(place, "it is not UTF-8")
    except ValueError:
        _bad(place, "it is not JSON")


def _example(row: Any, place: str) -> Example:
    """One row in whichever form it has."""
    if not isinstance(row, Mapping):
        _bad(place, "it is not an object")
    if "messages" in row:
        return _dialogue(row["messages"], place)
    if "instruction" in row:
        given = given_input(row.get("input"))
        if given is None:
            _bad(place, "`input` is not text")
        asked = asked_of(_text(row, "instruction", place), given)
        return _made((Message("user", asked),), _text(row, "output", place), place)
    if "prompt" in row:
        asked = _text(row, "prompt", place)
        return _made((Message("user", asked),), _text(row, "completion", place), place)
    _bad(place, f"it is in none of these forms: {FORMS}")


def _dialogue(turns: Any, place: str) -> Example:
    """Turns that end with an answer."""
    if not isinstance(turns, list) or not turns:
        _bad(place, "`messages` is not a list of turns")
    found = []
    for turn in turns:
        if not isinstance(turn, Mapping) or turn.get("role") not in ROLES:
            _bad(place, f"a turn's role is not one of {', '.join(ROLES)}")
        found.append(Message(cast(Role, turn["role"]), _text(turn, "content", place)))
    if found[-1].role != "assistant" or len(found) < 2:
        _bad(place, "the last turn must be the assistant's, after another turn")
    return _made(tuple(found[:-1]), found[-1].content, place)


def _made(messages: tuple[Message, ...], answer: str, place: str) -> Example:
    if not answer.strip():
        _bad(place, "the answer is empty")
    if sum(len(m.content) for m in messages) + len(answer) > LONGEST:
        _bad(place, f"it is longer than {LONGEST:,} characters")
    return Example(messages, answer, place)


def _text(row: Mapping[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        _bad(place, f"`{name}` is missing or not text")
    return value


def _bad(place: str, why: str) -> NoReturn:
    raise InvalidFile(f"{place}: {why}", "correct or remove that row")
