"""A clinical note: its decoded text, its sections and its sentences, with their offsets.

Every offset counts characters of `Note.text`, which has one character for each that was decoded:
a control character is shown as U+FFFD in its place, never deleted, because a deletion can change
a dose ("1\\x962 tablets" is not "12 tablets"). Knows nothing of models or templates.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from edgemed.amounts import amount
from edgemed.clinic.findings import Span
from edgemed.clinic.language import Language, language_of
from edgemed.clinic.sentences import split
from edgemed.errors import InvalidFile, Refused
from edgemed.storage.bounded import read_bounded, read_stream

Encoding = Literal["utf-8", "utf-16", "cp1252", "text"]

MIN_WORDS = 5  # with fewer words it is not a note: a model would invent the patient around them
SHOWN = "�"

# C0 and C1 controls but for tab and line ends; bidirectional overrides, which make a line read
# differently from what is stored; lone surrogates, which are not characters at all.
HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Signatures of files that hold no plain text, and what to do about each.
NOT_TEXT = (
    (b"%PDF-", "a PDF", "copy the text out of the PDF into a .txt file"),
    (b"PK\x03\x04", "a zip or Word document", "save the document as plain text (.txt)"),
    (b"{\\rtf", "an RTF document", "save the document as plain text (.txt)"),
    (b"\xd0\xcf\x11\xe0", "an old Word document", "save the document as plain text (.txt)"),
)


class Section(NamedTuple):
    """A heading and the text under it; `title` is empty for text before the first heading."""

    title: str
    heading: Span
    body: Span


@dataclass(frozen=True, slots=True)
class Note:
    """One note. Spans index `text`; `encoding` says how bytes were read, "text" if none were."""

    text: str
    sections: tuple[Section, ...]
    sentences: tuple[Span, ...]
    encoding: Encoding
    language: Language
    hidden: int

    def at(self, span: Span) -> str:
        """The characters of `span`."""
        return self.text[span.start : span.end]


def parse(source: bytes | str) -> Note:
    """Decode and divide a note. Raises InvalidFile where bytes are not text, naming the offset."""
    if isinstance(source, str):
        return of_text(source, "text")
    return of_text(*decode(source))


def of_text(decoded: str, encoding: Encoding) -> Note:
    """The note in a decoded text."""
    text, hidden = HIDDEN.subn(SHOWN, decoded)
    sections = tuple(sections_of(text))
    sentences = tuple(s.span for s in split(text) if s.kind != "heading")
    return Note(text, sections, sentences, encoding, language_of(text), hidden)


def read_note(path: Path) -> Note:
    """The note in a file. Errors name neither the file nor its text: file names can be names."""
    try:
        return parse(read_bounded(path, "note", "the note file"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Refused(f"the note file cannot be read: {reason}", "check its path") from None


def read_piped(stream: BinaryIO) -> Note:
    """The note that comes through a pipe or from a terminal."""
    return parse(read_stream(stream, "note", "the note"))


def decode(data: bytes) -> tuple[str, Encoding]:
    """UTF-8 or UTF-16 by byte order mark, else UTF-8, else cp1252 where no byte is undefined."""
    refuse_binary(data)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return strictly(data, "utf-16"), "utf-16"
    if data.startswith(codecs.BOM_UTF8):
        return strictly(data, "utf-8-sig"), "utf-8"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return strictly(data, "cp1252"), "cp1252"


def strictly(data: bytes, codec: str) -> str:
    """`data` in `codec`, or a refusal that names the byte and its offset, not the text around."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        at, byte = error.start, data[error.start]
    raise InvalidFile(
        f"byte 0x{byte:02x} at offset {at} of the note is not text in UTF-8 or {codec.upper()}",
        "save the note as UTF-8 text",
    )


def refuse_binary(data: bytes) -> None:
    """Refuse what is a document format, or UTF-16 without its mark, rather than plain text."""
    for signature, kind, remedy in NOT_TEXT:
        if data.startswith(signature):
            raise InvalidFile(f"the note is {kind}, not plain text", remedy)
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and (
        data.count(0) > len(data) // 8
    ):
        raise InvalidFile(
            f"{data.count(0)} of {len(data)} bytes of the note are zero: it is not UTF-8 text",
            "if it is UTF-16, save it with a byte order mark, or as UTF-8",
        )


def refuse_unusable(note: Note) -> None:
    """Refuse a note too short to summarize: given nothing, a model invents an encounter."""
    words = len(re.findall(r"\w+", note.text))
    if words == 0:
        raise Refused("the note is empty", "give a note with text")
    if words < MIN_WORDS:
        raise Refused(
            f"the note has {amount(words, 'word')}; "
            f"with fewer than {MIN_WORDS} a model invents the rest",
            "give the whole note",
        )


# A heading is a line of its own: letters, few words, ending in a colon or all in capitals;
# or a known heading with the text after it on the same line ("Allergies: penicillin").
KNOWN = """allergies|assessment|assessment and plan|assessment/plan|a/p|brief hospital course
chief complaint|cc|clinical history|clinical information|comparison|condition at discharge
discharge condition|discharge diagnoses|discharge diagnosis|discharge disposition
discharge instructions|discharge medications|disposition|exam|family history|findings|follow-up
followup|history|history of present illness|history of presenting complaint|hospital course|hpi
imaging|impression|indication|instructions|labs|laboratory data|laboratory results
medical history|medications|medications on admission|medications on discharge|objective
past medical history|past surgical history|physical exam|physical examination|plan|pmh
procedure|procedures|reason for admission|reason for visit|recommendation|recommendations
results|review of systems|ros|social history|subjective|surgical history|technique|vital signs
vitals|history of the present illness|admission medications|current medications|code status
problem list|problems|diagnosis|diagnoses|admission diagnosis|follow up|pending results"""
KNOWN_HEADINGS = frozenset(re.split(r"[|\n]", KNOWN))

OWN_LINE = re.compile(
    r"[ \t]*(?:#+ |\*\*)?([A-Za-z][A-Za-z /&,()'-]{1,60}?)[ \t]*(:?)(?:\*\*)?[ \t]*$"
)
SAME_LINE = re.compile(r"[ \t]*([A-Za-z][A-Za-z /&-]{1,40}?)[ \t]*:(?=[ \t]*\S)")
MAX_HEADING_WORDS = 6


def sections_of(text: str) -> Iterator[Section]:
    """The sections of `text` in order; together their headings and bodies cover it all."""
    headings = [(title, span) for title, span in map_headings(text)]
    first = headings[0][1].start if headings else len(text)
    if text[:first].strip():
        yield Section("", Span(0, 0), Span(0, first))
    for i, (title, span) in enumerate(headings):
        end = headings[i + 1][1].start if i + 1 < len(headings) else len(text)
        yield Section(title, span, Span(span.end, end))


def map_headings(text: str) -> Iterator[tuple[str, Span]]:
    """Title and span of each heading; the span ends where the text of the section begins."""
    for line in lines_of(text):
        if found := heading_in(text[line.start : line.end]):
            title, end = found
            yield title, Span(line.start, line.start + end)


def lines_of(text: str) -> Iterator[Span]:
    """Spans of lines without their ends; LF, CRLF and CR all end a line."""
    start = 0
    for match in re.finditer(r"\r\n|\n|\r|\Z", text):
        yield Span(start, match.start())
        start = match.end()


def heading_in(line: str) -> tuple[str, int] | None:
    """The title at the start of `line` and where it ends, or None where there is no heading."""
    if own := OWN_LINE.match(line):
        title = own[1].strip()
        known = title.lower() in KNOWN_HEADINGS
        short = len(title.split()) <= MAX_HEADING_WORDS
        if known or (short and (own[2] or (title.isupper() and len(title) > 3))):
            return title, len(line)
    same = SAME_LINE.match(line)
    if same and same[1].strip().lower() in KNOWN_HEADINGS:
        return same[1].strip(), same.end()
    return None
