"""Finds the allergens that a text names, or that it says there are none."""

import re
from collections.abc import Iterator, Sequence

from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.susceptibilities import is_tried_on_germ
from edgemed.clinic.vital.items import (
    VitalItem,
    asks,
    at,
    clipped,
    is_so,
    is_unclear,
    may_hold,
    own,
    places,
    rows,
    span_of,
)

NONE_KNOWN = "no known allergies"
# After an allergy: what follows these words is not an allergen.
TAKEN = re.compile(
    r";|\b(?:takes?|taking|tolerat\w+|start\w*|given|gave|is on|but|now|instead|avoid\w*"
    r"|treat\w*|with (?:rash|hives|swelling)|causes?|caus(?:ed|ing)|which|reaction)\b",
    re.IGNORECASE,
)


def asks_for_allergies(said: Said) -> bool:
    """`Any allergies to medication?`: the patient's next sentence names them."""
    return asks(said) and ALLERGIES.search(said.sentence.text) is not None


def allergies(said: Said) -> Iterator[VitalItem]:
    """Allergens by name, and that none are known."""
    if not may_hold(said, "allergy") and ALLERGIES.search(said.sentence.section) is None:
        return
    if next(places(said, "allergy", "not"), None) is None and not _one_denied(said):
        for mention in said.mentions:
            if mention.concept.name == "allergy" and mention.polarity == "no" and own(mention):
                yield VitalItem("allergy", NONE_KNOWN, NONE_KNOWN, mention.span)
    if asks(said):
        return
    unclear, stretches = is_unclear(said, "allergy"), list(of_allergens(said))
    found = [*_allergens(said, stretches, unclear), *_unlisted(said, unclear)]
    yield from found
    topic = f"{said.sentence.section} {said.sentence.text}"
    if unclear and stretches and not found and ALLERGIES.search(topic):
        yield VitalItem(
            "allergy", "", clipped(said.sentence.text), said.sentence.span, unclear=True
        )


def _one_denied(said: Said) -> bool:
    """Whether one allergen is denied, not all: `no latex allergy`."""
    return any(
        m.polarity == "no" and m.concept.name != "allergy"
        for _, start, end in (*_allergens_by_list(said), *_drugs(said))
        for m in at(said, start, end)
    )


def answered(said: Said) -> Iterator[VitalItem]:
    """The allergens in the answer to a question about allergies."""
    if said.sentence.role and not asks(said):
        whole = [(0, _until_taken(said.sentence.text, 0))]
        yield from _allergens(said, whole, is_unclear(said, "allergy"))


def _allergens(
    said: Said, stretches: Sequence[tuple[int, int]], unclear: bool
) -> Iterator[VitalItem]:
    """Every allergen that the stretches affirm, each once."""
    text, told = said.sentence.text, set[str]()
    for name, start, end in (*_allergens_by_list(said), *_drugs(said)):
        inside = any(a <= start and end <= b for a, b in stretches)
        if inside and name not in told and is_so(said, start, end):
            told.add(name)
            doubted = unclear or any(m.context.uncertain for m in at(said, start, end))
            span = span_of(said, start, end)
            yield VitalItem("allergy", name, clipped(text[start:end]), span, unclear=doubted)


def _unlisted(said: Said, unclear: bool) -> Iterator[VitalItem]:
    """An allergen that no list names: `allergic to Tegaderm`."""
    for match in ALLERGIC_TO.finditer(said.sentence.text):
        start, end = match.span("what")
        listed = any(a < end and start < b for _, a, b in _allergens_by_list(said))
        general = any(row.pattern.fullmatch(match["what"]) for row in rows("allergy", "general"))
        word = at(said, start, end)
        if listed or general or not word or word[0].concept.kind != "word":
            continue
        if is_so(said, start, end):
            span = span_of(said, start, end)
            yield VitalItem("allergy", word[0].concept.name, match["what"], span, unclear=unclear)


BECAUSE = re.compile(r"\b(?:because of|due to|given) (?:an? |his |her |the )?$", re.IGNORECASE)
ALLERGIC_TO = re.compile(r"\ballergic to (?:the )?(?P<what>[A-Za-z][\w-]{2,})", re.IGNORECASE)
ALLERGIES = re.compile(r"\ballerg(?:y|ies|ic)\b", re.IGNORECASE)


def of_allergens(said: Said) -> Iterator[tuple[int, int]]:
    """Stretches of the sentence that name allergens: after the word, right before it, a list."""
    text = said.sentence.text
    nots = [(a, b) for _, a, b in places(said, "allergy", "not")]
    if ALLERGIES.search(said.sentence.section):
        yield 0, _until_taken(text, 0)
    for _, start, end in places(said, "allergy", "tells"):
        if any(a <= start < b for a, b in nots):
            continue
        yield end, _until_taken(text, end)
        reason = BECAUSE.search(text[:start])
        if reason is not None:  # `cannot take morphine because of an allergy`
            yield 0, reason.start()
        before = re.search(r"(?:[\w-]+[ -]){1,3}$", text[:start])
        if before is not None:
            yield before.start(), start


def _until_taken(text: str, start: int) -> int:
    taken = TAKEN.search(text, start)
    return taken.start() if taken else len(text)


def _allergens_by_list(said: Said) -> Iterator[tuple[str, int, int]]:
    for row, start, end in places(said, "allergy", "named"):
        yield row.name, start, end


def _drugs(said: Said) -> Iterator[tuple[str, int, int]]:
    offset = said.sentence.span.start
    listed = {row.name for row in rows("allergy", "named")}
    for m in said.mentions:
        if (
            m.concept.kind == "drug"
            and m.concept.name not in listed
            and not is_tried_on_germ(m, said)
        ):
            yield m.concept.name, m.span.start - offset, m.span.end - offset
