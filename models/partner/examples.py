"""Writes the training file of the partner: rows of both sets as lines for `edgemed adapt`.

A dialogue that is too long is cut at a turn if most of it stays; otherwise its row is left out,
because an answer about what was cut away teaches the model to make things up. Both are counted.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgemed_models.base import Message

from edgemed.clinic.summarizing.template import messages
from models.partner.rows import Row, turns_of

LEAST_SHARE = 0.8
"""The share of a dialogue's turns that must stay when it is cut."""


class Counting(Protocol):
    """Counts the tokens of a request and its answer."""

    def encode(self, messages: tuple[Message, ...], answer: str) -> tuple[list[int], list[int]]: ...


@dataclass(slots=True)
class Chosen:
    """Rows that fit, and what was done to the others."""

    rows: list[Row] = field(default_factory=list)
    tokens: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def choose(model: Counting, rows: list[Row], longest: int) -> Chosen:
    """Every row of at most `longest` tokens with its answer, cut at turns if needed."""
    chosen = Chosen()
    for row in rows:
        fitting = next(_fitting(model, row, longest), None)
        if fitting is None:
            chosen.counts["left out"] += 1
            continue
        kept, tokens = fitting
        chosen.rows.append(kept)
        chosen.tokens += tokens
        chosen.counts["whole" if kept is row else "cut"] += 1
    return chosen


def _fitting(model: Counting, row: Row, longest: int) -> Iterator[tuple[Row, int]]:
    """The row, whole or with ever fewer turns, once it has at most `longest` tokens."""
    tokens = length(model, row)
    if tokens <= longest:
        yield row, tokens
    turns = len(turns_of(row.dialogue))
    for kept in range(turns - 1, int(turns * LEAST_SHARE) - 1, -1):
        cut = row.shortened(kept)
        if kept and (tokens := length(model, cut)) <= longest:
            yield cut, tokens


def length(model: Counting, row: Row) -> int:
    """Tokens of the request and its answer."""
    return sum(map(len, model.encode(messages(row.template, row.note), row.answer)))


def line(row: Row) -> str:
    """A row as `edgemed adapt` reads it."""
    turns = [{"role": m.role, "content": m.content} for m in messages(row.template, row.note)]
    return json.dumps({"messages": [*turns, {"role": "assistant", "content": row.answer}]})


def write(path: Path, rows: list[Row]) -> None:
    """Write the file of examples, which only its owner may read."""
    from edgemed.storage.whole import write_whole

    write_whole(path, "".join(line(row) + "\n" for row in rows).encode())
