"""Finds text in a note that addresses the model, or the writer, and is not about the patient.

A note is material, and anybody who can write into it can write `Ignore all previous instructions`.
The signs of such text are a list (`lists/addressed.tsv`). Text is found and named, never
removed: whether it belongs to the note is for the clinician to say.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from edgemed.clinic.findings import Addressed, AddressedKind, Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.hidden import hidden
from edgemed.clinic.reading.plain_letters import plain, readings

ENOUGH = 2  # weight from which a sentence is marked
LONGEST = 400  # characters of the same line that a mark takes in after the cue
FOLLOWING = 5  # lines that a turn of a chat takes in, unless a blank line ends it

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
SENTENCE = re.compile(r"[.!?][\"')\]]{0,3}\s+(?=\S)")
WORD = re.compile(r"[^\W\d_]+(?:\.[^\W\d_])*")
CLASS = re.compile(r"\{([A-Z]+)\}")

# A line that says that the note has ended. The first kind is never
# written about a patient; the second ends many reports that are followed by another.
_FENCE = r"[\W_]*"
ENDED = re.compile(
    rf"{_FENCE}(?:this is )?(?:the )?(?:(?:end|close|finish) of (?:the |this |our )?"
    r"(?:\w+ ){0,2}?(?:note|record|chart|input|text|data|context|prompt|material|source|case)"
    r"|(?:the |this )?note (?:ends|over|ended|is over|stops)(?: here| now)?|end note)\b"
    rf"(?={_FENCE}$|[.:;!]| ?[=*/_~#-])|.*</\s*(?:note|clinical_?note|input|document|context|"
    r"transcript|source|user_?input)\s*>|[^\w\s]{2,} ?end ?[^\w\s]{2,}\s*$"
)
CLOSED = re.compile(
    rf"{_FENCE}end of (?:the |this )?(?:\w+ ){{0,2}}?"
    rf"(?:report|dictation|document|transcript|transcription|recording|file|letter|addendum)"
    rf"{_FENCE}$"
)
BEGUN = re.compile(
    rf"{_FENCE}(?:the |this )?(?:note begins|(?:begin|beginning|start) of (?:the |this )?(?:\w+ )?"
    rf"(?:note|record|chart|report|document|transcript)){_FENCE}$"
)

ENDING = re.compile(r"\b(?:end|note|begin|close|finish|start)|</", re.IGNORECASE)


class AddressedCue(NamedTuple):
    """One row of the list: the kind of text, the weight of the cue, and its pattern."""

    kind: AddressedKind
    weight: int
    alone: bool
    group: str
    pattern: re.Pattern[str]


class Weighed(NamedTuple):
    """A sentence of one line as characters `start` to `end`, and what its cues add up to."""

    start: int
    end: int
    kind: AddressedKind | None
    weight: int


def addressed(text: str) -> tuple[Addressed, ...]:
    """The places in `text` that address the model, in order and without overlaps.

    Time is linear in the length of `text`.
    """
    lines = [Span(m.start(), m.end()) for m in LINE.finditer(text) if m.end() > m.start()]
    found = [*_instructions(text, lines), *_ends(text, lines), *hidden(text)]
    return tuple(_merged(text, found))


def _merged(text: str, found: list[Addressed]) -> Iterator[Addressed]:
    """One place for all that overlap or touch; of their kinds the first in the text."""
    last: Addressed | None = None
    for place in sorted(found, key=lambda a: (a.span, RANK.index(a.kind))):
        if last is None:
            last = place
        elif (
            place.span.start <= last.span.end or not text[last.span.end : place.span.start].strip()
        ):
            kind = min(last.kind, place.kind, key=RANK.index)
            end = max(last.span.end, place.span.end)
            last = Addressed(Span(last.span.start, end), kind)
        else:
            yield last
            last = place
    if last is not None:
        yield last


RANK: tuple[AddressedKind, ...] = (
    "instruction",
    "role",
    "marker",
    "code",
    "letters",
    "end",
    "closed",
)


def _instructions(text: str, lines: list[Span]) -> Iterator[Addressed]:
    """Sentences whose cues add up, each with what follows it in its line."""
    seen = plain(text)
    stems = tuple(stem for stem in _stems() if stem in seen)
    goes_on, led_by = 0, RANK[0]
    before: AddressedKind | None = None  # the kind of the sentence right before, if it was marked
    for at, line in enumerate(lines):
        whole = text[line.start : line.end]
        if not whole.strip():
            goes_on, before = 0, None
            continue
        following = lines[at + 1] if at + 1 < len(lines) else None
        sentences = _sentences(text, line, following, stems, before is not None)
        marked = [s for s in sentences if s.kind is not None]
        if not marked:
            if goes_on:
                goes_on -= 1
                yield Addressed(_trimmed(text, line), led_by)
            elif before:
                before = None
            continue
        first = marked[0]
        end = min(line.end, max(marked[-1].end, first.start + LONGEST))
        assert first.kind is not None
        yield Addressed(_trimmed(text, Span(first.start, _at_sentence(sentences, end))), first.kind)
        last = marked[-1].kind
        before = last
        leads = last in ("role", "marker") or text[first.start : line.end].rstrip().endswith(":")
        if leads and last is not None:
            goes_on, led_by = FOLLOWING, last


def _at_sentence(sentences: list[Weighed], end: int) -> int:
    """The end of the sentence that holds `end`."""
    return next((sentence.end for sentence in sentences if sentence.end >= end), end)


def _trimmed(text: str, span: Span) -> Span:
    """The span without white space at its ends."""
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, max(start, span.start + len(piece.rstrip())))


def _sentences(
    text: str, line: Span, following: Span | None, stems: tuple[str, ...], is_near: bool
) -> list[Weighed]:
    """The sentences of a line, weighed; a label that ends the line is read with the next line."""
    whole = text[line.start : line.end]
    first, *others = readings(whole)
    may_hold = is_near or _may_hold(first, stems)
    if not may_hold and not any(_may_hold(seen, _stems()) for seen in others):
        return [Weighed(line.start, line.end, None, 0)]
    cuts = [0, *(m.end() for m in SENTENCE.finditer(whole)), len(whole)]
    sentences: list[Weighed] = []
    for start, end in pairwise(cuts):
        if end <= start:
            continue
        piece = whole[start:end]
        kind, weight = weigh(piece, is_near=is_near)
        if weight < ENOUGH and end == len(whole) and following is not None:
            kind, weight = max((kind, weight), _led(piece, text, following), key=lambda p: p[1])
        if weight < ENOUGH and not (weight and is_near):
            kind = None
        is_near = kind is not None
        sentences.append(Weighed(line.start + start, line.start + end, kind, weight))
    return sentences


def _led(piece: str, text: str, following: Span) -> tuple[AddressedKind | None, int]:
    """A label alone on its line, weighed with the first sentence of the line below."""
    label = piece.strip()
    if len(label) > 40 or not (label.endswith((":", "]", ">", "*")) or label.startswith("#")):
        return None, 0
    below = text[following.start : following.end].strip()
    alone = weigh(piece)[1]
    return weigh(f"{label} {below}") if alone and below else (None, 0)


def _may_hold(seen: str, stems: tuple[str, ...]) -> bool:
    """Whether the text has anything that every cue needs: most lines do not."""
    return any(stem in seen for stem in stems) or not _words().isdisjoint(WORD.findall(seen))


def weigh(sentence: str, *, is_near: bool = False) -> tuple[AddressedKind | None, int]:
    """The weight of a sentence's cues, and the kind of the weightiest.

    Near marked text an order counts that alone would not: `Add morphine 100 mg.`
    """
    best: tuple[AddressedKind | None, int] = (None, 0)
    for seen in readings(sentence):
        if is_near or _may_hold(seen, _stems()):
            best = max(best, _weighed(seen), key=lambda p: p[1])
        if best[1] >= ENOUGH:
            break
    return best


def _weighed(seen: str) -> tuple[AddressedKind | None, int]:
    groups: dict[str, AddressedCue] = {}
    for cue in _cues():
        if cue.group in groups and groups[cue.group].weight >= cue.weight:
            continue
        if cue.pattern.search(seen):
            groups[cue.group] = cue
            if cue.weight >= ENOUGH:
                return cue.kind, cue.weight
    if not groups:
        return None, 0
    weightiest = max(groups.values(), key=lambda c: (c.alone, c.kind == "role"))
    alone = any(cue.alone for cue in groups.values())
    return weightiest.kind, sum(cue.weight for cue in groups.values()) if alone else 1


def _ends(text: str, lines: list[Span]) -> Iterator[Addressed]:
    """The text after a line that says that the note has ended, up to one that begins a note.

    An end that appears more than once divides notes that were printed together.
    """
    marks = list(_end_marks(text, lines))
    said = [words for _, _, words in marks]
    for i, (line, kind, words) in enumerate(marks):
        if kind is None:
            continue
        end = marks[i + 1][0].start if i + 1 < len(marks) else len(text)
        if text[line.end : end].strip():
            yield Addressed(
                _trimmed(text, Span(line.start, end)), "closed" if said.count(words) > 1 else kind
            )


def _end_marks(text: str, lines: list[Span]) -> Iterator[tuple[Span, AddressedKind | None, str]]:
    """Where the text says that a note ends, or begins (no kind), and the characters that say so."""
    for line in lines:
        whole = text[line.start : line.end]
        if ENDING.search(whole) is None and whole.isascii():
            continue
        cuts = [0, *(m.end() for m in SENTENCE.finditer(whole)), len(whole)]
        for start, end in pairwise(cuts):
            seen = plain(whole[start:end]).rstrip()
            if len(seen) > LONGEST or not (BEGUN.match(seen) or _end_in(seen)):
                continue
            span = Span(line.start + start, line.start + end)
            yield span, _end_in(seen), "".join(filter(str.isalpha, seen))


def _end_in(seen: str) -> AddressedKind | None:
    """The kind of end that a sentence states, if it states one."""
    if CLOSED.match(seen):
        return "closed"
    return "end" if ENDED.match(seen) else None


@cache
def _classes() -> dict[str, str]:
    return {row[0]: row[1] for row in rows_of("addressed.tsv") if len(row) == 2}


@cache
def _stems() -> tuple[str, ...]:
    return tuple(_classes()["STEMS"].split())


@cache
def _words() -> frozenset[str]:
    return frozenset(_classes()["WORDS"].split())


@cache
def _cues() -> tuple[AddressedCue, ...]:
    rows = [row for row in rows_of("addressed.tsv") if len(row) == 4]
    return tuple(
        AddressedCue(KINDS[kind], 1 if weight == "near" else int(weight), weight != "near", group,
            re.compile(_spelled_out(pattern)))
        for kind, weight, group, pattern in rows
    )  # fmt: skip


KINDS: dict[str, AddressedKind] = {kind: kind for kind in RANK}


def _spelled_out(pattern: str) -> str:
    """A pattern with its classes put in; classes may name classes."""
    spelled = CLASS.sub(lambda m: _classes().get(m[1], m[0]), pattern)
    return spelled if spelled == pattern else _spelled_out(spelled)
