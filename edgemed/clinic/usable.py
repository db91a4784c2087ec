"""Whether a draft can be used at all: what no reader should have to find out line by line.

A draft that repeats itself, that copies what the model was asked, that stands mostly on nothing in
the note, or that is in another language, says so above itself. Thresholds are held to texts written
by people: no note of ACI-Bench and no section of MTS-Dialog (training and validation parts), read
as a draft, is called unusable (`python -m tests.bench.usable`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from edgemed.clinic.findings import Claim
from edgemed.errors import EdgemedError

REMEDY = "another model is needed"

WORD = re.compile(r"[^\W_]+")
LINE = re.compile(r"[^.;:!?\n]+")

LEAST_WORDS = 3  # of a line that counts as said again
REPEATED = 0.2  # of all words, in lines that stood before
REPEATED_LINES = 3  # times that one of them stands, at least
RUN = 8  # words in a row that stand in what was asked
COPIED = 0.3  # of all words, in such runs
LEAST_CLAIMS = 5
UNSUPPORTED = 0.75  # of claims, more than which are not found or contradicted
LONGEST_WORD = 60  # letters, of which
FEWEST_LETTERS = 6  # different ones at least


def unusable(draft: str, claims: Sequence[Claim], asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Why `draft` cannot be used, in words that follow "it"; empty where nothing speaks against it.

    `claims` as they were checked; `asked` are the texts that told the model what to write.
    """
    found = {
        "repeats itself": repeats(draft),
        "copies what it was asked": copies(draft, asked),
        "is mostly not in the note": unsupported(claims),
    }
    return tuple(said for said, true in found.items() if true)


def above(reasons: Sequence[str]) -> str:
    """The line above the draft; empty where it can be used."""
    return f"Not usable: {', '.join(reasons)}; {REMEDY}" if reasons else ""


def repeats(draft: str) -> bool:
    """Whether much of it was said before, line by line, numbers aside; or is one endless word."""
    if any(len(w) > LONGEST_WORD and len(set(w)) < FEWEST_LETTERS for w in WORD.findall(draft)):
        return True
    lines = [tuple(line) for line in worded(draft)]
    seen = Counter(line for line in lines if len(line) >= LEAST_WORDS)
    again = sum(len(line) * (count - 1) for line, count in seen.items())
    most = max(seen.values(), default=0)
    return most >= REPEATED_LINES and again > REPEATED * sum(map(len, lines))


def worded(draft: str) -> Iterator[list[str]]:
    """The words of each line or sentence in small letters, without those that hold a digit."""
    for part in LINE.findall(draft.lower()):
        words = [word for word in WORD.findall(part) if not any(map(str.isdigit, word))]
        if words:
            yield words


def copies(draft: str, asked: Sequence[str]) -> bool:
    """Whether much of the draft is what the model was told to do."""
    told = {run for text in asked for run in runs(WORD.findall(text.lower()))}
    words = WORD.findall(draft.lower())
    held = [False] * len(words)
    for at, run in enumerate(runs(words)):
        if run in told:
            held[at : at + RUN] = [True] * RUN
    return sum(held) > COPIED * len(words)


def runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All `RUN` words in a row."""
    return (tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def unsupported(claims: Sequence[Claim]) -> bool:
    """Whether most claims are not found in the note, or contradict it."""
    against = sum(claim.label in ("not found", "contradicted") for claim in claims)
    return len(claims) >= LEAST_CLAIMS and against > UNSUPPORTED * len(claims)


@lru_cache(maxsize=1)
def instructions() -> tuple[str, ...]:
    """What every template asks, and the rules before all notes."""
    from edgemed.clinic.template import RULES, find_templates, read_template

    found = [RULES]
    for source, path in find_templates().values():
        try:
            found.append(read_template(source, path).asked)
        except EdgemedError:  # a broken file of the user's is told where templates are chosen
            continue
    return tuple(found)
