"""Finds sentences of tasks that occur in a test set: training on them would spoil the test.

A sentence of LEAST words or more occurs if one text of the test set has all its words in a row.
Case, punctuation and line ends do not count. Only the beginnings of sentences are kept, so a test
set may be larger than memory would allow for all of its words.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.evals.metrics import WORD
from edgemed.instructions.answered import Answered
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.training.examples import read_rows

KIND = "test set"
LEAST = 8  # words of a sentence: shorter ones occur by chance
FIELDS = ("instruction", "input", "output")
END = re.compile(r"(?<=[.!?])\s+|\n+")
TABLES = {".csv": ",", ".tsv": "\t"}
ROWS = (".json", ".jsonl")

Sentence = tuple[str, ...]
Place = tuple[int, str]
"""A task by its number in the file (from 0), and one of FIELDS."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """The sentences of the tasks that occur in a test set of `texts` texts.

    `compared` sentences are long enough; `found` of them occur, by field; `tasks` hold one or more,
    by their number (from 0); `test_texts` are the texts in which they occur, from 1.
    """

    texts: int
    compared: int
    found: Mapping[str, int]
    tasks: tuple[int, ...]
    test_texts: tuple[int, ...]


def contamination(tasks: Sequence[Answered], texts: Sequence[str]) -> Contamination:
    """Compare every sentence of the tasks with every text."""
    begun: dict[Sentence, dict[Sentence, set[Place]]] = defaultdict(lambda: defaultdict(set))
    compared = 0
    for number, task in enumerate(tasks):
        for name, text in zip(FIELDS, (task.instruction, task.input, task.output), strict=True):
            for sentence in sentences(text):
                compared += 1
                begun[sentence[:LEAST]][sentence].add((number, name))
    hits: dict[Sentence, set[Place]] = {}
    where = set()
    for at, text in enumerate(texts, 1):
        for sentence, places in occurring(words(text), begun):
            hits[sentence] = places
            where.add(at)
    found = {name: sum(n == name for p in hits.values() for _, n in p) for name in FIELDS}
    held = {number for places in hits.values() for number, _ in places}
    return Contamination(len(texts), compared, found, tuple(sorted(held)), tuple(sorted(where)))


def occurring(
    said: Sentence, begun: Mapping[Sentence, Mapping[Sentence, set[Place]]]
) -> Iterator[tuple[Sentence, set[Place]]]:
    """The sentences that occur among the words of a text."""
    for at in range(len(said) - LEAST + 1):
        candidates = begun.get(said[at : at + LEAST])
        if candidates is not None:
            for sentence, places in candidates.items():
                if said[at : at + len(sentence)] == sentence:
                    yield sentence, places


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text that are long enough, as words."""
    for part in END.split(text):
        found = words(part)
        if len(found) >= LEAST:
            yield found


def words(text: str) -> Sentence:
    """The words of a text in lower case."""
    return tuple(WORD.findall(text.lower()))


def read_texts(path: Path) -> list[str]:
    """The texts of a test set: the rows of a .json or .jsonl file (also the values of one object),
    the lines of a .csv or .tsv table, each as one text; any other file is one text."""
    if path.suffix in ROWS:
        texts = ["\n".join(strings(row)) for row in json_rows(path)]
    elif path.suffix in TABLES:
        texts = table_rows(plain(path), TABLES[path.suffix], path)
    else:
        texts = [plain(path)]
    if not any(WORD.search(text) for text in texts):
        raise InvalidFile(f"{path} holds no text", "give a test set as JSON, CSV or plain text")
    return texts


def json_rows(path: Path) -> list[Any]:
    """The items of a JSON list or object, or the objects of JSON Lines."""
    text = plain(path)
    if text.lstrip().startswith("{"):
        try:
            return list(json_of(text).values())
        except ValueError:  # several objects: JSON Lines, whose bad line is named
            pass
    return [row for _, row in read_rows(path, KIND)]


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    level = [value]
    while level:
        yield from (item for item in level if isinstance(item, str))
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]


def table_rows(text: str, delimiter: str, path: Path) -> list[str]:
    """The rows of a table; its header counts as one, which does no harm."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise InvalidFile(f"{path} is not a table", "save it as plain text, or as CSV") from None
    return ["\n".join(cells) for cells in rows]


def plain(path: Path) -> str:
    """The text of a file."""
    try:
        return read_bounded(path, KIND).decode("utf-8-sig")
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the path") from None
    except UnicodeDecodeError:
        raise InvalidFile(f"{path} is not UTF-8", "save it as UTF-8") from None
