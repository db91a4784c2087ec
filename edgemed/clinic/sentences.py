"""Cuts a text into sentences, list items and headings, with character offsets and who speaks.

Works on notes (headings, bullets, wrapped lines) and on transcripts (`Doctor:`, `[patient]`).
Every sentence is a slice of the text as given; what lies between two sentences is white space,
a bullet or a speaker's label. Knows nothing of what the sentences say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import words_of

SentenceKind = Literal["sentence", "item", "heading"]
Speaker = Literal["", "clinician", "patient", "other"]

# A speaker's label at the start of a line: `Doctor:`, `[patient]`, `Guest_family_2:`.
LABEL = re.compile(
    r"[ \t]*(?:\[(?P<tag>[A-Za-z][\w ]{1,24})\]:?|(?P<name>[A-Za-z][\w]{0,24}(?: \d)?):)[ \t]*"
)
CLINICIANS = frozenset(("doctor", "dr", "clinician", "nurse", "physician", "provider", "gp"))
PATIENTS = frozenset(("patient", "pt"))
OTHERS = frozenset(("guest", "family", "caregiver", "mother", "father", "wife", "husband"))

BULLET = re.compile(r"[ \t]*(?:[•*·◦▪‣–—-][ \t]+|\d{1,2}[.)][ \t]+(?=\D)|\(?[a-z]\)[ \t]+)")
HEADING = re.compile(r"[A-Z][A-Za-z0-9 ,/&()'-]{1,48}:?[ \t]*")
ABBREVIATIONS = words_of("abbreviations.txt")  # a period ends no sentence after these
BELOW = re.compile(r"[ \t]*\r?\n[ \t]*\S")
NUMBERED = re.compile(r"\d{1,2}[.)]\s+(?=[A-Z])")
BREATH = 18  # words of speech after which a sentence without punctuation is looked at for cuts
NEW_START = re.compile(
    r"\b(?:okay|alright|all right|so (?!far|much|long|that|many)|now|but|and then"
    r"|(?:and |so )?(?:do you|did you|have you|are you|were you|any other)|(?<!and )(?<!know )"
    r"how(?:'s|'re| is| are))\b(?! okay| alright)",
    re.IGNORECASE,
)
WRAPPED = 60  # from so many characters on a line may continue below, whatever begins there
TITLED = re.compile(r"[A-Z][A-Za-z/& ]{1,24}:\s")  # a line that begins with a label
WIDEST = 132  # characters; longer lines are not wrapped
_DIGIT = (
    "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen|[a-z]+ty)"
)
# Speech recognition writes a spoken point as a full stop: `six . eight`, `a . five`.
POINT = re.compile(rf".*?\b(?:{_DIGIT}|a|point) \. {_DIGIT}\b.*", re.DOTALL)
TERMINAL = re.compile(r"[.!?]+(?:[\"')\]]+)?(?=\s|$)")


class Line(NamedTuple):
    """One line's content: offsets without bullet, label and outer white space."""

    start: int
    end: int
    bullet: bool
    role: Speaker


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item or heading: its span, its section, and who says it in which turn."""

    span: Span
    text: str
    kind: SentenceKind = "sentence"
    section: str = ""
    role: Speaker = ""
    turn: int = 0


def split(text: str) -> list[Sentence]:
    """All sentences, items and headings of `text` in order."""
    lines = list(_lines(text, is_dialogue(text)))
    found: list[Sentence] = []
    section = ""
    turn = 0
    for block in _blocks(text, lines):
        turn += 1
        first = block[0]
        span = Span(first.start, block[-1].end)
        if not first.role and not first.bullet and len(block) == 1 and _is_heading(text, first):
            section = text[span.start : span.end].rstrip(" :")
            found.append(Sentence(span, text[span.start : span.end], "heading", section))
            continue
        kind: SentenceKind = "item" if first.bullet else "sentence"
        for part in _cut(text, span, bool(first.role)):
            piece = text[part.start : part.end]
            found.append(Sentence(part, piece, kind, section, first.role, turn))
    return found


def is_dialogue(text: str) -> bool:
    """Whether at least a third of the lines, and two of them, have speakers' labels."""
    lines = [line for line in text.splitlines() if line.strip()]
    labels = [m for m in map(LABEL.match, lines) if m is not None and _role(m)]
    return len(labels) > 1 and 3 * len(labels) >= len(lines)


def _role(label: re.Match[str]) -> Speaker:
    """The speaker's role that a label names; empty where the label names no speaker."""
    parts = set(re.split(r"[_ ]", (label["tag"] or label["name"]).lower()))
    if parts & CLINICIANS:
        return "clinician"
    if parts & OTHERS:
        return "other"
    return "patient" if parts & PATIENTS else ""


def _lines(text: str, dialogue: bool) -> Iterator[Line]:
    """Lines with their bullets and labels taken off; a blank line comes as an empty one."""
    at = 0
    role: Speaker = ""
    for raw in text.splitlines(keepends=True):
        start, at = at, at + len(raw)
        label = LABEL.match(raw) if dialogue else None
        if label is not None and _role(label):
            role = _role(label)
            start += label.end()
            yield _trim(text, start, at, False, role)
            continue
        bullet = None if dialogue else BULLET.match(raw)
        yield _trim(text, start + (bullet.end() if bullet else 0), at, bullet is not None, role)


def _trim(text: str, start: int, end: int, bullet: bool, role: Speaker) -> Line:
    """The line without white space at its ends."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return Line(start, max(start, start + len(piece.strip())), bullet, role)


def _blocks(text: str, lines: list[Line]) -> Iterator[list[Line]]:
    """Lines that belong together: a wrapped paragraph, one item, one turn."""
    block: list[Line] = []
    width = max((line.end - line.start for line in lines), default=0)
    for line in lines:
        if block and not _continues(text, block, line, width):
            yield block
            block = []
        if line.end > line.start:
            block.append(line)
    if block:
        yield block


def _continues(text: str, block: list[Line], line: Line, width: int) -> bool:
    """Whether `line` continues the sentence of the lines above.

    A line in lower case continues a sentence that began with a capital. Among lines that all
    begin in lower case each is an item, unless the line above is full: the next word would make
    it longer than the longest line, of `width` characters. A capitalized word with a colon begins
    a new sentence.
    """
    above = block[-1]
    if line.end == line.start or line.bullet or line.role:
        return False
    if text[above.end - 1] in ".!?:;":
        return False
    is_begun = not text[block[0].start].islower() or block[0].bullet
    if text[line.start].islower() and is_begun:
        return True
    if TITLED.match(text, line.start, line.end):
        return False
    length = above.end - above.start
    word = text[line.start : line.end].split()[0]
    return length > WRAPPED and length + 1 + len(word) > min(width, WIDEST)


def _is_heading(text: str, line: Line) -> bool:
    """A short line that begins with a capital, is not a sentence, and is alone."""
    piece = text[line.start : line.end]
    if HEADING.fullmatch(piece) is None or len(piece.split()) > 6 or piece.endswith("-"):
        return False
    return piece.endswith(":") or piece.isupper() or (piece[-1].isalpha() and _alone(text, line))


def _alone(text: str, line: Line) -> bool:
    """Whether the line above is blank or there is none, and text follows right below."""
    above = text[: line.start].rstrip(" \t")
    return (not above or above.endswith("\n\n")) and BELOW.match(text, line.end) is not None


def _cut(text: str, span: Span, spoken: bool) -> Iterator[Span]:
    """The sentences inside one block."""
    start = _after_number(text, span.start, span.end)
    for mark in TERMINAL.finditer(text, start, span.end):
        if mark.start() < start or not _ends(text, start, mark):
            continue
        yield from _breaths(text, Span(start, mark.end()), spoken)
        start = mark.end()
        while start < span.end and text[start].isspace():
            start += 1
        start = _after_number(text, start, span.end)
    if start < span.end:
        yield from _breaths(text, Span(start, span.end), spoken)


def _after_number(text: str, start: int, end: int) -> int:
    """Where the item begins if there is a list number (`2. `) at `start`."""
    match = NUMBERED.match(text, start, end)
    return match.end() if match else start


def _breaths(text: str, span: Span, spoken: bool) -> Iterator[Span]:
    """Speech written down without punctuation, cut where a speaker takes a new start."""
    start = span.start
    if spoken and text.count(" ", *span) > BREATH:
        for mark in NEW_START.finditer(text, span.start + 1, span.end):
            if text.count(" ", start, mark.start()) > 2:
                yield Span(start, len(text[: mark.start()].rstrip()))
                start = mark.start()
    yield Span(start, span.end)


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    """Whether the punctuation at `mark` ends the sentence that began at `start`."""
    if mark.start() == start:
        return False
    if mark.group() != ".":
        return True
    before = text[start : mark.start()]
    word = before.split()[-1].lower().lstrip("([") if before.split() else ""
    if before.endswith(" "):
        return POINT.fullmatch(text[mark.start() - 15 : mark.end() + 15]) is None
    if word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        following = text[mark.end() :].lstrip()
        if word == "no":  # `No. 5` counts, `No. It is gone.` answers
            return not following[:1].isdigit()
        return not following
    return True
