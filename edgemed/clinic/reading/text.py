"""A text read once: its sentences with the quantities, dates, concepts and sides they hold.

Offsets are into the whole text. In a transcript a question takes its answer (`Any fever?` `No.`
says that there is no fever), and who was spoken of goes on being spoken of.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.concepts import Concept, concepts
from edgemed.clinic.reading.context import Context, Scopes
from edgemed.clinic.reading.dates import Date, dates
from edgemed.clinic.reading.quantities import Quantity, quantities
from edgemed.clinic.reading.sides import Sided, sides
from edgemed.clinic.sentences import Sentence, split
from edgemed.clinic.words import Word, words

Polarity = Literal["yes", "no", "open"]
FAMILY = re.compile(r"\bfamil(?:y|ial)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept where it is named, whether it is said to be so, and of whom."""

    concept: Concept
    span: Span
    polarity: Polarity
    context: Context


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence and all that was read in it."""

    sentence: Sentence
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    dates: tuple[Date, ...]
    mentions: tuple[Mention, ...]
    sides: tuple[Sided, ...]


def read(text: str) -> list[Said]:
    """All sentences of `text`, read."""
    said = [_read_one(s) for s in split(text) if s.kind != "heading"]
    return list(_answered(said)) if any(s.sentence.role for s in said) else said


def _read_one(sentence: Sentence) -> Said:
    """What one sentence says on its own."""
    text, offset = sentence.text, sentence.span.start
    found = words(text)
    when = dates(text)
    return Said(
        sentence,
        tuple(w._replace(start=w.start + offset, end=w.end + offset) for w in found),
        tuple(
            replace(q, span=_moved(q.span, offset))
            for q in quantities(text, [d.span for d in when])
        ),
        tuple(replace(d, span=_moved(d.span, offset)) for d in when),
        tuple(_mentions(sentence, found)),
        tuple(s._replace(span=_moved(s.span, offset)) for s in sides(text, found)),
    )


def _moved(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.end + offset)


def _mentions(sentence: Sentence, found: Sequence[Word]) -> Iterator[Mention]:
    """The concepts of a sentence, each in its context."""
    scopes = Scopes(sentence.text, bool(sentence.role))
    family = "family" if FAMILY.search(sentence.section) else ""
    for f in concepts(found):
        start, end = found[f.first].start, found[f.last].end
        context = scopes.at(start, end)
        if family and not context.person:
            context = replace(context, person=family)
        polarity: Polarity = "no" if context.negated else "yes"
        if context.hypothetical:
            polarity = "open"
        yield Mention(f.concept, _moved(Span(start, end), sentence.span.start), polarity, context)


# Transcripts ---------------------------------------------------------------------------------

FIRST_WORDS = 7  # of an answer, among which its yes or no is looked for
ANSWERS = re.compile(
    r"\b(?:(?P<no>no|nope|nah|not|none|never|nothing|negative|neither|denies|\w*n't)"
    r"|yes|yeah|yep|yup|sure|right|correct|i do|i have|i am|i did|a little|sometimes|mm-hmm"
    r"|uh-huh|definitely|of course|absolutely(?! not)|occasionally|a bit)\b"
)
UNSURE = re.compile(r"(?:not sure|n't know|n't remember|n't recall|n't think of|no idea)")
ASKING = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|um|uh|good|great|now|well)\b[ ,.]*)*"
    r"(?:do|does|did|have|has|had|are|is|was|were|any|how about|what about|can|could|would|will|"
    r"when|where|what|who|why|how)\b",
    re.IGNORECASE,
)
YOU = re.compile(r"\b(?:do|did|have|has|are|were|can) (?:you|he|she|your)\b|\bany\b", re.IGNORECASE)
PRONOUN = re.compile(
    r"\s*(?:and |but |so |oh |yes,? |yeah,? )?(?:he|she|they|him|her)\b", re.IGNORECASE
)


def _answered(said: list[Said]) -> Iterator[Said]:
    """The sentences of a transcript, questions resolved by their answers, persons carried on."""
    turns: dict[int, list[int]] = {}
    for i, s in enumerate(said):
        turns.setdefault(s.sentence.turn, []).append(i)
    order = sorted(turns)
    person = ""
    for at, turn in enumerate(order):
        following = said[turns[order[at + 1]][0]] if at + 1 < len(order) else None
        members = [said[i] for i in turns[turn]]
        if members[0].sentence.role == "clinician" and any(map(_turns_to_patient, members)):
            person = ""
        for s in members:
            spoken_of = Scopes(s.sentence.text).people
            if spoken_of:
                person = spoken_of[-1].name
            elif person and members[0].sentence.role != "clinician" and not _goes_on(s):
                person = (
                    "" if re.match(r"\s*(?:i|i'm|i've|my|me)\b", s.sentence.text, re.I) else person
                )
            yield _resolved(s, members, following, "" if spoken_of else person)


def _turns_to_patient(said: Said) -> bool:
    """The clinician asks of the patient or of another thing: `your`, or something named."""
    return (
        bool(said.mentions) or re.search(r"\byou(?:r|'re)?\b", said.sentence.text, re.I) is not None
    )


def _goes_on(said: Said) -> bool:
    return PRONOUN.match(said.sentence.text) is not None


def is_question(said: Said) -> bool:
    """A sentence that asks."""
    text = said.sentence.text.rstrip()
    if text.endswith(("?", ".")):
        return text.endswith("?")
    return ASKING.match(text) is not None or YOU.search(text) is not None


def _resolved(said: Said, turn: list[Said], following: Said | None, person: str) -> Said:
    """`said` with the polarity its answer gives it, and the person still spoken of."""
    mentions = said.mentions
    if is_question(said):
        mentions = tuple(
            replace(m, polarity=_answer(m.polarity, following, said is turn[-1])) for m in mentions
        )
    if person:
        mentions = tuple(
            replace(m, context=replace(m.context, person=m.context.person or person))
            for m in mentions
        )
    return replace(said, mentions=mentions) if mentions is not said.mentions else said


def _answer(asked: Polarity, following: Said | None, last: bool) -> Polarity:
    """What the next speaker's first words make of a question."""
    if following is None or asked == "open":
        return "open"
    first = " ".join(following.sentence.text.lower().replace("’", "'").split()[:FIRST_WORDS])
    word = ANSWERS.search(first)
    if word is None or UNSURE.search(first):
        return "open"
    if word["no"]:
        return "no"
    return asked if last or asked == "no" else "open"
