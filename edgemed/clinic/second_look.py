"""A second look at a draft by the language model itself, when asked for: quote, or write again.

The model may only answer with a sentence of the source, letter by letter, or NONE (a grammar
holds it to that), and whether the answer stands in the source is looked up, not believed. A
flagged sentence can be written again, twice at most; every version is kept beside the first, and
which one stands is the reader's choice. Neither changes a flag that the rules raised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgemed_models.base import Failed, Message, Model, Piece, Request

from edgemed.clinic.checks import flags
from edgemed.clinic.findings import Flag, Looked, Span
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.text import read
from edgemed.clinic.review import review_read
from edgemed.clinic.source import Source
from edgemed.errors import EdgemedError

NONE = "NONE"
CANDIDATES = 40  # source sentences that the model may choose from, best first
SHOWN = 5  # of them that a sentence is written again from
ROUNDS = 2  # times a sentence is written again at most
LONGEST = 160  # tokens of an answer

QUOTE = (
    "You check a clinical draft. Answer with the one sentence of the note that states what the "
    f"draft sentence states, copied exactly, or with {NONE} if no sentence does."
)
REWRITE = (
    "You correct one sentence of a clinical draft so that it says only what the note says. "
    f"Answer with the corrected sentence alone, or with {NONE} if the note does not support any."
)


@dataclass(frozen=True, slots=True)
class Version:
    """A sentence written again, with what the rules flag in it; empty text: leave it out."""

    text: str
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """A flagged sentence of the draft, what is flagged in it, and its later versions in order."""

    draft: Span
    flags: tuple[Flag, ...]
    versions: tuple[Version, ...]


def look(model: Model, text: str, draft: str) -> Iterator[Looked]:
    """Each sentence of `draft` that the rules do not find in `text`, with the model's quote.

    A quote is a pointer for the reader: the sentence keeps its flags. Raises EdgemedError when
    the engine breaks.
    """
    source = Source(text)
    for claim in review_read(source, read(draft)).claims:
        if claim.label == "not found":
            sentence = draft[claim.draft.start : claim.draft.end]
            yield Looked(claim.draft, quote(model, source, sentence))


def quote(model: Model, source: Source, sentence: str) -> Span | None:
    """Where the source says what `sentence` says, by the model's choice; None where it finds none.

    Raises EdgemedError when the engine breaks.
    """
    found = source.index.best(sentence, CANDIDATES)
    candidates = [source.said[match.sentence].sentence for match in found]
    if not candidates:
        return None
    texts = list(dict.fromkeys(c.text for c in candidates))
    answer = ask(model, QUOTE, question(texts, sentence), grammar(texts))
    return next((c.span for c in candidates if c.text == answer), None)


def revise(model: Model, text: str, draft: str) -> Iterator[Revision]:
    """Every flagged sentence written again until the rules flag nothing, twice at most.

    Nothing is put into the draft. Raises EdgemedError when the engine breaks.
    """
    source = Source(text)
    for said in read(draft):
        raised = flags(said, source)
        if raised:
            yield Revision(said.sentence.span, raised, _versions(model, source, said, raised))


def _versions(
    model: Model, source: Source, said: Said, raised: tuple[Flag, ...]
) -> tuple[Version, ...]:
    """The versions of one sentence; the last has no flags unless the rounds ran out."""
    text = said.sentence.text
    evidence = [source.said[m.sentence].sentence.text for m in source.index.best(text, SHOWN)]
    versions: list[Version] = []
    while raised and len(versions) < ROUNDS:
        reasons = "\n".join(flag.reason for flag in raised)
        answer = ask(model, REWRITE, f"{question(evidence, text)}\n\nWrong in it:\n{reasons}")
        text = "" if answer == NONE else answer
        raised = tuple(flag for said in read(text) for flag in flags(said, source))
        versions.append(Version(text, raised))
    return tuple(versions)


def question(sentences: Sequence[str], sentence: str) -> str:
    """What the model is asked: sentences of the note, one a line, and the draft's."""
    return "Note:\n" + "\n".join(sentences) + f"\n\nDraft sentence:\n{sentence}"


def ask(model: Model, task: str, text: str, bound: str | None = None) -> str:
    """The model's whole answer, greedy, without outer white space."""
    messages = (Message("system", task), Message("user", text))
    pieces: list[str] = []
    for event in model.generate(Request(messages, LONGEST, grammar=bound)):
        if isinstance(event, Piece):
            pieces.append(event.text)
        elif isinstance(event, Failed):
            raise EdgemedError(event.message, event.hint)
    return "".join(pieces).strip()


def grammar(texts: Sequence[str]) -> str:
    """GBNF that allows one of `texts`, or NONE, and nothing else."""
    return "root ::= " + " | ".join(f'"{escaped(text)}"' for text in (NONE, *texts)) + "\n"


def escaped(text: str) -> str:
    """`text` inside a GBNF string literal."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return plain.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
