"""A second look at a draft by the language model itself, on request: quote the note, or rewrite.

The model may only answer with a sentence of the source, letter by letter, or NONE (a grammar
enforces it), and it is checked that the answer is in the source. A flagged
sentence can be rewritten, twice at most; every version is kept beside the first, and the reader
chooses which one to use. Neither changes a flag that the rules raised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgemed_models.answer import ask as ask_model
from edgemed_models.base import LanguageModel, Message, ModelError, Request

from edgemed.clinic.checks import flags
from edgemed.clinic.findings import Flag, Label, Looked, Span
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import claims_of, review_read
from edgemed.errors import EdgemedError

NONE = "NONE"
CANDIDATES = 40  # source sentences that the model may choose from, best first
SHOWN = 5  # how many of them the model gets for a rewrite
ROUNDS = 2  # most rewrites of a sentence
LONGEST = 160  # tokens of an answer
SPARE = 24  # tokens that a rewrite may have beyond twice the sentence's own
WORST: tuple[Label, ...] = (
    "contradicted", "not found", "not checked", "nothing to compare", "partly supported",
    "supported",
)  # fmt: skip

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
    """A rewritten sentence, its label, and what the rules flag in it.

    Empty text: leave it out.
    """

    text: str
    label: Label
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """A flagged sentence of the draft, what is flagged in it, and its later versions in order."""

    draft: Span
    flags: tuple[Flag, ...]
    versions: tuple[Version, ...]


def look(model: LanguageModel, text: str, draft: str) -> Iterator[Looked]:
    """Each sentence of `draft` that the rules do not find in `text`, with the model's quote.

    A quote is a pointer for the reader: the sentence keeps its flags. Raises EdgemedError when
    the engine breaks.
    """
    source = Source(text)
    for claim in review_read(source, read(draft)).claims:
        if claim.label == "not found":
            sentence = draft[claim.draft.start : claim.draft.end]
            yield Looked(claim.draft, quote(model, source, sentence))


def quote(model: LanguageModel, source: Source, sentence: str) -> Span | None:
    """Where the source says what `sentence` says, by the model's choice; None where it finds none.

    Raises EdgemedError when the engine breaks.
    """
    rest, _ = source.trusted  # text that addresses the model must not be quoted
    found = rest.index.best(sentence, CANDIDATES)
    candidates = [rest.said[match.sentence].sentence for match in found]
    if not candidates:
        return None
    texts = list(dict.fromkeys(c.text for c in candidates))
    answer = ask(model, QUOTE, question(texts, sentence), grammar(texts))
    return next((c.span for c in candidates if c.text == answer), None)


def revise(model: LanguageModel, text: str, draft: str) -> Iterator[Revision]:
    """Every flagged sentence written again until the rules flag nothing, twice at most.

    Nothing is put into the draft. Raises EdgemedError when the engine breaks.
    """
    source = Source(text)
    for said in read(draft):
        raised = flags(said, source)
        if raised:
            yield Revision(said.sentence.span, raised, _versions(model, source, said, raised))


def _versions(
    model: LanguageModel, source: Source, said: Said, raised: tuple[Flag, ...]
) -> tuple[Version, ...]:
    """The versions of one sentence; the last has no flags unless the rounds ran out."""
    text = said.sentence.text
    rest, _ = source.trusted
    evidence = [rest.said[m.sentence].sentence.text for m in rest.index.best(text, SHOWN)]
    longest = min(LONGEST, SPARE + 2 * model.count([Message("user", text)]))
    versions: list[Version] = []
    while raised and len(versions) < ROUNDS:
        reasons = "\n".join(flag.reason for flag in raised[:SHOWN])
        asked = f"{question(evidence, text)}\n\nWrong in it:\n{reasons}"
        answer = ask(model, REWRITE, asked, longest=longest).partition("\n")[0].strip()
        text = "" if answer == NONE else answer
        versions.append(version(source, text))
        raised = versions[-1].flags
    return tuple(versions)


def version(source: Source, text: str) -> Version:
    """A sentence written again, checked as a draft is; the worst label of its claims."""
    claims = [claim for said in read(text) for claim in claims_of(source, said)]
    labels = {claim.label for claim in claims}
    worst: Label = next((label for label in WORST if label in labels), "not checked")
    return Version(text, worst, tuple(flag for claim in claims for flag in claim.flags))


def question(sentences: Sequence[str], sentence: str) -> str:
    """What the model is asked: sentences of the note, one a line, and the draft's."""
    return "Note:\n" + "\n".join(sentences) + f"\n\nDraft sentence:\n{sentence}"


def ask(
    model: LanguageModel, task: str, text: str, bound: str | None = None, longest: int = LONGEST
) -> str:
    """The model's whole answer, greedy, without outer white space."""
    messages = (Message("system", task), Message("user", text))
    try:
        return ask_model(model, Request(messages, longest, grammar=bound)).text.strip()
    except ModelError as error:
        raise EdgemedError(error.message, error.hint) from None


def grammar(texts: Sequence[str]) -> str:
    """GBNF that allows one of `texts`, or NONE, and nothing else."""
    return "root ::= " + " | ".join(f'"{escaped(text)}"' for text in (NONE, *texts)) + "\n"


def escaped(text: str) -> str:
    """`text` inside a GBNF string literal."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return plain.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
