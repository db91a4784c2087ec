"""Detects that a model says the same thing again and again in other words.

Such as "The patient has a cough. The patient has coughs. The patient has asthma. ...". A text is a
sequence of statements: its sentences and lines, and also the parts between commas and "and". A
statement says nothing new if at least half of it is in one statement before it, and what differs,
little words aside, is not in what the model read. So a list of the note's own drugs, one a line
with the same words around it, keeps saying something new.

The signs (words, numbers, marks, ends of lines) of statements that say nothing new are counted up,
those of others down. From `ENOUGH` signs in `TIMES` statements on, it is a loop. In the notes and
sections of ACI-Bench and MTS-Dialog (training and validation parts), each with its dialogue, the
highest count is 16 (`python -m tests.bench.usable`).
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from edgemed_models.engine.counting import UNFINISHED

ENOUGH = 32  # signs, about 40 tokens
TIMES = 3  # statements
BACK = 24  # statements that one is compared with
SHARED = 0.5  # of the longer statement's words
STEM = 5  # letters by which a word of the answer is looked up in what was read
ENDING = 3  # letters that a form of the same word has more
SIGN = re.compile(r"\d+(?:[.,/]\d+)*|[^\W\d_]+|[^\w\s]|\n")
SENTENCE_ENDS = frozenset("\n.!?")
CLAUSE_ENDS = SENTENCE_ENDS | {";", ",", "and", "then"}
LITTLE = frozenset(
    "a an the of in on at to or is was are were be been has had have with for from by as that this "
    "it its he she his her they their also".split()
)


class Statement(NamedTuple):
    """A statement: its words with their counts, and those that can say something new."""

    words: Counter[str]
    telling: frozenset[str]


class Rewording:
    """The text of an answer, piece by piece; `read` is what the model read before it."""

    def __init__(self, read: str) -> None:
        known = frozenset(map(stem, telling(SIGN.findall(read.lower()))))
        self._rest = ""
        self.rows = Statements(known, SENTENCE_ENDS, 2), Statements(known, CLAUSE_ENDS, 3)

    def add(self, piece: str) -> bool:
        """Take the next piece; whether the answer has been saying nothing new somewhere in it."""
        text = self._rest + piece
        cut = UNFINISHED.search(text)
        end = cut.start() if cut else len(text)
        self._rest = text[end:]
        found = [self._take(sign) for sign in SIGN.findall(text[:end].lower())]
        return any(found)

    def end(self) -> bool:
        """Take what is left: the answer has ended."""
        return self.add("\n")

    def _take(self, sign: str) -> bool:
        """One sign. A sentence with news outweighs what its clauses repeat ("by mouth")."""
        sentences, clauses = self.rows
        clauses.add(sign)
        if sentences.add(sign) == "news":
            clauses.reset()
        return sentences.is_loop or clauses.is_loop


class Statements:
    """The statements of an answer that end at one of `ends`.

    `known` are the stems of what was read; two statements that are alike share `least` words.
    """

    def __init__(self, known: frozenset[str], ends: frozenset[str], least: int) -> None:
        self._known, self._ends, self._least = known, ends, least
        self._signs: list[str] = []
        self._length = 0  # of the signs since the last statement
        self._before: deque[Statement] = deque(maxlen=BACK)
        self.reset()

    def reset(self) -> None:
        """Start counting from 0 again."""
        self.count = self.times = 0

    @property
    def is_loop(self) -> bool:
        """Whether the last statements have said nothing new for long enough."""
        return self.times >= TIMES and self.count >= ENOUGH

    def add(self, sign: str) -> Literal["", "news", "nothing new"]:
        """Take the next sign; what the statement said, where it ends one."""
        self._length += 1
        if sign not in self._ends:
            self._signs.append(sign)
            return ""
        statement = read_statement(self._signs)
        self._signs.clear()
        if not statement.words:  # the number of a list item belongs to the item
            return ""
        length, self._length = self._length, 0
        news = not any(self._alike(statement, old) for old in self._before)
        self._before.append(statement)
        if not news:
            self.count += length
            self.times += 1
        elif self.count > length:
            self.count -= length
        else:
            self.reset()
        return "news" if news else "nothing new"

    def _alike(self, statement: Statement, old: Statement) -> bool:
        """Whether `statement` is `old` except for little words, word forms and inventions."""
        longer = max(statement.words.total(), old.words.total())
        if (statement.words & old.words).total() < max(self._least, SHARED * longer):
            return False
        return not any(
            stem(word) in self._known and not is_form_of_one(word, old.words)
            for word in statement.telling - old.telling
        )


def read_statement(signs: list[str]) -> Statement:
    """The signs of one statement."""
    return Statement(
        Counter(sign for sign in signs if sign[0].isalpha()), frozenset(telling(signs))
    )


def telling(signs: list[str]) -> Iterator[str]:
    """What can say something new: words that are not little, numbers, and a digit with its word."""
    for at, sign in enumerate(signs):
        if not sign[0].isdecimal():
            if sign[0].isalpha() and sign not in LITTLE:
                yield sign
        elif len(sign) > 1:
            yield sign
        else:
            yield from (
                f"{sign} {word}" for word in signs[max(at - 1, 0) : at + 2] if word[0].isalpha()
            )


def stem(word: str) -> str:
    """The beginning of a word; numbers stay whole."""
    return word[:STEM] if word[0].isalpha() else word


def is_form_of_one(word: str, others: Iterable[str]) -> bool:
    """Whether one of two words is the other with an ending, as "cough" and "coughing" are."""
    return any(
        (word.startswith(other) or other.startswith(word)) and abs(len(word) - len(other)) <= ENDING
        for other in others
    )


def rewords(text: str, read: str) -> bool:
    """Whether a whole text says nothing new somewhere."""
    rewording = Rewording(read)
    return rewording.add(text) | rewording.end()
