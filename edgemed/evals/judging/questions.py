"""What a judge is asked, and what its reply says.

Pairs: both orders are asked, so that a liking for the first place cancels out; each order gives 1
(ours wins), 0.5 (a tie) or 0, and the item the mean of the two. A reply that names no verdict, or
both, says nothing: the item is left out of the figure and counted. Axes: four scores from 1 to 5,
written under a grammar.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from edgemed_models.base import Message, Request

from edgemed.evals.measures import Counts
from edgemed.evals.scoring import Scores, length_of
from edgemed.evals.tasks.task import filled
from edgemed.storage.bounded import toml_of

FILE = Path(__file__).with_name("questions.toml")
AXES = ("fluency", "relevance", "completeness", "proficiency")
LEAST, MOST = 1, 5
TIE = 0.5
NOTHING: Counts = (0.0, 0.0)
"""Adds nothing to a figure: the item is left out of it."""

# What may stand before a verdict: "The better answer is", "Answer", "(", "**".
OPENING = r"[\W_]*(?:(?:the|my|better|best|verdict|answer|output|choice|is)\b[\W_]*)*"
VERDICT = re.compile(rf"{OPENING}(?:(?:a )?(?P<tie>tie)\b|(?P<letter>[AB])\b(?!['’]))", re.I)
SENTENCE = re.compile(r"\s+(?!(?:is|wins|and|because|since|as)\b)[a-z]")  # "A good answer ..."


@cache
def questions() -> Mapping[str, Mapping[str, Any]]:
    """The table in `questions.toml`."""
    return toml_of(FILE.read_text("utf-8"))


def grammar() -> str:
    """GBNF for the four scores, in this order and nothing else."""
    fields = ' ", " '.join(rf'"\"{axis}\": " score' for axis in AXES)
    return f'root ::= "{{" {fields} "}}"\nscore ::= [{LEAST}-{MOST}]'


def of_pair(task: str, reference: str, ours: str, theirs: str) -> tuple[Request, Request]:
    """The question in both orders: ours first, then theirs first."""
    return (
        request("pairs", task=task, reference=reference, first=ours, second=theirs),
        request("pairs", task=task, reference=reference, first=theirs, second=ours),
    )


def of_axes(task: str, reference: str, ours: str) -> tuple[Request]:
    """The question for four scores."""
    return (request("axes", task=task, reference=reference, first=ours),)


def request(kind: str, **fields: str) -> Request:
    """A question as a greedy request."""
    table = questions()[kind]
    message = Message("user", filled(table["ask"], fields).strip())
    bound = grammar() if kind == "axes" else None
    return Request((message,), table["max_tokens"], grammar=bound)


def preferred(reply: str) -> float | None:
    """1 if the reply prefers the first answer, 0 the second, TIE; None if it says nothing.

    The verdict is what the reply begins with. "A" as an article is none, and a first line that
    names A and B says nothing, unless it says which of them is better ("A is better than B").
    """
    line = next((line for line in reply.splitlines() if line.strip()), "")
    found = VERDICT.match(line)
    if found is None:
        return None
    rest = line[found.end() :]
    if found["tie"]:
        return TIE
    letter = found["letter"]
    if letter == "a" or letter == "b" or SENTENCE.match(rest):
        return None
    other = "B" if letter == "A" else "A"
    if re.search(rf"\b{other}\b", rest) and not re.match(r"\s+(?:is|wins)\b", rest):
        return None
    return 1.0 if letter == "A" else 0.0


def scored_pair(replies: tuple[str, str], ours: str, theirs: str) -> Scores:
    """What the replies in both orders come to."""
    first, second = map(preferred, replies)
    said = first is not None and second is not None
    lengths = {"words": length_of(ours), "words of the other": length_of(theirs)}
    if first is None or second is None:
        empty = dict.fromkeys(("win", "first place wins", "orders agree"), NOTHING)
        return empty | {"unparsable": (float(not said), 1.0)} | lengths
    return {
        "win": ((first + 1 - second) / 2, 1.0),
        "first place wins": ((first + second) / 2, 1.0),
        "orders agree": (float(first == 1 - second), 1.0),
        "unparsable": (0.0, 1.0),
    } | lengths


def scored_axes(reply: str, ours: str) -> Scores:
    """The four scores."""
    found = scores_in(reply)
    told = {axis: (float(found[axis]), 1.0) if found else NOTHING for axis in AXES}
    return told | {"unparsable": (float(not found), 1.0), "words": length_of(ours)}


def scores_in(reply: str) -> dict[str, int]:
    """The scores by axis; empty if the reply has not all of them."""
    try:
        table = json.loads(reply)
    except ValueError:
        return {}
    whole = isinstance(table, dict) and set(table) == set(AXES)
    if not whole or not all(type(n) is int and LEAST <= n <= MOST for n in table.values()):
        return {}
    return {axis: int(table[axis]) for axis in AXES}
