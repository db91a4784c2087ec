"""Finds text in a note that addresses the model, or the writer, and is not about the patient.

A note is material, and anybody who can write into it can write `Ignore all previous instructions`.
The signs of such text are a list (`lists/addressed.tsv`). Text is found and named, never
removed: whether it belongs to the note is for the clinician to say.
"""

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate, pairwise
from typing import NamedTuple
from urllib.parse import unquote

from edgemed.clinic.findings import SAYS, Addressed, Kind, Span
from edgemed.clinic.lists import rows_of
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

CODE = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{20,}={0,2}(?![\w+/=])")
HEX = re.compile(r"(?<!\w)(?:[0-9A-Fa-f]{2}[ :]?){12,}(?!\w)")
PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}[\w .]?){6,}")
UNSEEN = re.compile("(?<!\U0001f3f4)[\U000e0020-\U000e007e]{3,}")  # tag characters, as in flags
# Letters that the checks cannot read: a sentence of them, not a name.
UNREAD = re.compile(
    "[\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f]"
    "(?:[\\s,.!?-]*[\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u0300-\u036f]){23,}"
    "|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af](?:[\\s，。、]*[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]){9,}"
)
MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0400-\u04ff])[A-Za-z\u0400-\u04ff]{4,}")


class AddressedCue(NamedTuple):
    """One row of the list: the kind of text, the weight of the cue, and its pattern."""

    kind: Kind
    weight: int
    alone: bool
    group: str
    pattern: re.Pattern[str]


class Weighed(NamedTuple):
    """A sentence of one line as characters `start` to `end`, and what its cues add up to."""

    start: int
    end: int
    kind: Kind | None
    weight: int


def addressed(text: str) -> tuple[Addressed, ...]:
    """The places in `text` that address the model, in order and without overlaps.

    Time is linear in the length of `text`.
    """
    lines = [Span(m.start(), m.end()) for m in LINE.finditer(text) if m.end() > m.start()]
    found = [*_instructions(text, lines), *_ends(text, lines), *_hidden(text)]
    return tuple(_merged(text, found))


def marked_lines(text: str, places: Iterable[Addressed]) -> dict[int, Kind]:
    """The lines of `text` (from 1, as `splitlines` counts) with such a place, and its kind."""
    starts = list(accumulate(map(len, text.splitlines(keepends=True)), initial=0))
    marked: dict[int, Kind] = {}
    for place in places:
        first, last = bisect_right(starts, place.span.start), bisect_left(starts, place.span.end)
        for line in range(first, max(first, last) + 1):
            marked.setdefault(line, place.kind)
    return marked


def told(text: str, places: Iterable[Addressed]) -> Iterator[str]:
    """Each place in words that quote nothing: its lines, its characters, what it does."""
    for place in places:
        lines = list(marked_lines(text, [place]))
        which = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        start, end = place.span
        yield f"{which} (characters {start} to {end}): text that {SAYS[place.kind]}"


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


RANK: tuple[Kind, ...] = ("instruction", "role", "marker", "code", "letters", "end", "closed")


def _instructions(text: str, lines: list[Span]) -> Iterator[Addressed]:
    """Sentences whose cues add up, each with what follows it in its line."""
    seen = plain(text)
    stems = tuple(stem for stem in _stems() if stem in seen)
    goes_on, led_by = 0, RANK[0]
    before: Kind | None = None  # the kind of the sentence right before, if it was marked
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


def _led(piece: str, text: str, following: Span) -> tuple[Kind | None, int]:
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


def weigh(sentence: str, *, is_near: bool = False) -> tuple[Kind | None, int]:
    """The weight of a sentence's cues, and the kind of the weightiest.

    Near marked text an order counts that alone would not: `Add morphine 100 mg.`
    """
    best: tuple[Kind | None, int] = (None, 0)
    for seen in readings(sentence):
        if is_near or _may_hold(seen, _stems()):
            best = max(best, _weighed(seen), key=lambda p: p[1])
        if best[1] >= ENOUGH:
            break
    return best


def _weighed(seen: str) -> tuple[Kind | None, int]:
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


def _end_marks(text: str, lines: list[Span]) -> Iterator[tuple[Span, Kind | None, str]]:
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


def _end_in(seen: str) -> Kind | None:
    """The kind of end that a sentence states, if it states one."""
    if CLOSED.match(seen):
        return "closed"
    return "end" if ENDED.match(seen) else None


def _hidden(text: str) -> Iterator[Addressed]:
    """Coded text that decodes to words, and look-alike letters."""
    for pattern, decode in ((CODE, _of_base64), (HEX, _of_hex), (PERCENT, unquote)):
        for match in pattern.finditer(text):
            if _is_prose(decode(match[0])):
                yield Addressed(Span(*match.span()), "code")
    if text.isascii():
        return
    for pattern in (UNSEEN, UNREAD, MIXED):
        yield from (Addressed(Span(*m.span()), "letters") for m in pattern.finditer(text))


def _of_base64(blob: str) -> str:
    try:
        data = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True)
    except (ValueError, binascii.Error):
        return ""
    return data.decode("utf-8", "replace")


def _of_hex(blob: str) -> str:
    digits = re.sub(r"[ :]", "", blob)
    return bytes.fromhex(digits).decode("utf-8", "replace") if len(digits) % 2 == 0 else ""


def _is_prose(decoded: str) -> bool:
    """Whether decoded text is readable: nearly all letters and spaces."""
    plain_characters = sum(c.isalpha() or c in " .,:;'!?\n" for c in decoded)
    return len(decoded) >= 12 and plain_characters >= 0.9 * len(decoded) and decoded.isprintable()


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


KINDS: dict[str, Kind] = {kind: kind for kind in RANK}


def _spelled_out(pattern: str) -> str:
    """A pattern with its classes put in; classes may name classes."""
    spelled = CLASS.sub(lambda m: _classes().get(m[1], m[0]), pattern)
    return spelled if spelled == pattern else _spelled_out(spelled)
