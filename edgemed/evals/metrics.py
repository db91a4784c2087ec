"""How answers are scored, from 0 to 1: a table of metrics, each with the argument it takes.

Graded metrics give a share, rules 1 or 0. A case with several metrics gets their product: a summary
in a required format scores its ROUGE-L if it has the format, and 0 if not. An answer without a
letter or digit scores 0 on every case.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+\S")
WORD = re.compile(r"[^\W_]+")
# A and I are ordinary words, not choices, if a lower-case word follows.
CHOICE = re.compile(r"(?<![\w'’])(?:[B-HJ]|[AI](?!\s+[a-z]))(?![\w'’])")


class Metric(NamedTuple):
    """`worth` scores an answer, given the argument, which `fits` has accepted.

    `whole`: needs the complete answer; an answer that was cut scores 0.
    """

    worth: Callable[[str, Any], float]
    fits: Callable[[Any], bool]
    argument: str
    whole: bool = True


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """The best F1 of the longest common subsequence of words (Lin 2004, a text as one sequence).

    Words are runs of letters and digits in lower case, not stemmed: for ASCII text the same as in
    rouge-score.
    """
    return max(rouge_l_of(answer, reference) for reference in references)


def rouge_l_of(answer: str, reference: str) -> float:
    """ROUGE-L against one reference."""
    ours, theirs = WORD.findall(answer.lower()), WORD.findall(reference.lower())
    common = common_length(ours, theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit for each word of `one` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for n, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << n
    every = (1 << len(one)) - 1
    row = every
    for word in other:
        taken = row & places.get(word, 0)
        row = ((row + taken) | (row - taken)) & every
    return len(one) - row.bit_count()


def facts(answer: str, wanted: Sequence[str]) -> float:
    """The share of the facts that occur in the answer."""
    return sum(stands(fact, answer) for fact in wanted) / len(wanted)


def stands(part: str, text: str) -> bool:
    """Whether `part` occurs in `text` as whole words and numbers.

    Case, spaces and Markdown's * _ ` are ignored; 5mg is 5 mg. 5 mg does not occur in 2.5 mg, in
    15 mg or in 2-5 mg, and 4 does not occur in 4.5 or 4,000.
    """
    pieces = re.findall(r"\d+|[^\d\s]+|\s+", part)
    pattern = "".join(r"\s+" if piece.isspace() else re.escape(piece) for piece in pieces)
    pattern = re.sub(r"(?<=\d)(?:\\s\+)?(?=[^\W\d_])", r"\\s*", pattern)
    found = rf"(?<!\w)(?<!\d[.,–-]){pattern}(?!\w)(?![.,]\d)"
    return re.search(found, re.sub(r"[*_`]", "", text), re.IGNORECASE) is not None


def plain(text: str) -> str:
    """Text for comparing whole answers: lower case, no outer spaces, no final full stop."""
    return " ".join(text.split()).removesuffix(".").casefold()


def answers(answer: str, accepted: Sequence[str]) -> float:
    """Whether the answer is one of the accepted ones."""
    return float(plain(answer) in {plain(one) for one in accepted})


def choice(answer: str, letter: str) -> float:
    """Whether the first single letter A to J in the answer is the right one."""
    found = CHOICE.search(answer)
    return float(found is not None and found[0] == letter)


def is_json(answer: str, keys: Sequence[str]) -> float:
    """Whether the answer is one JSON object with these keys, and nothing else."""
    try:
        table = json.loads(answer)
    except (ValueError, RecursionError):
        return 0.0
    return float(isinstance(table, dict) and set(keys) <= set(table))


def lines(answer: str) -> list[str]:
    """The lines that are not empty."""
    return [line for line in answer.splitlines() if line.strip()]


def bullets(answer: str, count: int) -> float:
    """Whether the answer is a list: `count` lines, each with a bullet or a number."""
    found = lines(answer)
    return float(len(found) == count and all(map(BULLET.match, found)))


def case(answer: str, kind: str) -> float:
    """Whether every letter of the answer is in this case."""
    return float(answer == (answer.upper() if kind == "upper" else answer.lower()))


def is_text(value: Any) -> bool:
    """A text that is not empty, without outer spaces (which answers do not have)."""
    return isinstance(value, str) and bool(value) and value == value.strip()


def is_texts(value: Any) -> bool:
    """A list of one or more texts."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def has_words(value: Any) -> bool:
    """Texts that each have a letter or a digit."""
    return is_texts(value) and all(map(WORD.search, value))


def is_keys(value: Any) -> bool:
    """A list of key names; it may be empty."""
    return isinstance(value, list) and all(map(is_text, value))


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_letter(value: Any) -> bool:
    return isinstance(value, str) and CHOICE.fullmatch(value) is not None


METRICS = {
    "rouge-l": Metric(rouge_l, has_words, "a reference text, or several", whole=False),
    "facts": Metric(facts, has_words, "a list of texts", whole=False),
    "answer": Metric(answers, has_words, "an accepted answer, or a list of them"),
    "choice": Metric(choice, is_letter, "a letter from A to J", whole=False),
    "excludes": Metric(
        lambda answer, parts: float(not any(stands(part, answer) for part in parts)),
        has_words,
        "a list of texts",
    ),
    "starts": Metric(
        lambda answer, text: float(answer.lstrip().startswith(text)), is_text, "a text"
    ),
    "ends": Metric(lambda answer, text: float(answer.rstrip().endswith(text)), is_text, "a text"),
    "words-at-most": Metric(
        lambda answer, most: float(len(answer.split()) <= most), is_count, "a number"
    ),
    "words-at-least": Metric(
        lambda answer, least: float(len(answer.split()) >= least), is_count, "a number"
    ),
    "lines": Metric(lambda answer, count: float(len(lines(answer)) == count), is_count, "a number"),
    "bullets": Metric(bullets, is_count, "a number"),
    "json": Metric(is_json, is_keys, "a list of keys"),
    "case": Metric(case, lambda value: value in ("upper", "lower"), '"upper" or "lower"'),
}
LISTED = ("rouge-l", "facts", "answer", "excludes")
"""Metrics that take several texts; a single text counts as a list of one."""
