"""Finds pending results and abnormal results in a text."""

import re
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.vital.items import (
    NEAR,
    VitalItem,
    asks,
    clipped,
    is_so,
    is_unclear,
    may_hold,
    of_sentence,
    own,
    places,
    rows,
)

TESTED = ("procedure", "organism")
OUT_OF_RANGE = frozenset(("high", "low", "abnormal"))
ABNORMAL = "abnormal result"
# After a test and its value: `18.2, high`, `4.1 (H)`.
MARKED = re.compile(
    r"[\s:=]*(?:of |was |is )?\d[\d.,/]*(?:\s?[\w/%]+)?\s?[,(]+\s?"
    r"(?P<level>high|low|elevated|[HL])\b"
)


def pending_results(said: Said) -> Iterator[VitalItem]:
    """Results that are not there yet, by the tests that the sentence names."""
    kind = "pending result"
    if asks(said) or not may_hold(said, kind):
        return
    if next(places(said, kind, "not"), None) is not None:
        return
    tested = any(m.concept.kind in TESTED for m in said.mentions)
    told = (*places(said, kind, "tells"), *(places(said, kind, "named") if tested else ()))
    if told:
        yield of_sentence(kind, said)


def abnormal_results(said: Said) -> Iterator[VitalItem]:
    """Tests whose result is out of its range, positive or critical."""
    if asks(said) or not any(m.concept.kind in (*TESTED, "finding") for m in said.mentions):
        return
    tests = tests_of(said)
    for cue in said.cues:
        if cue.attribute != "level" or cue.spoken or cue.value not in OUT_OF_RANGE:
            continue
        start, end = (at - said.sentence.span.start for at in cue.span)
        if said.sentence.text.startswith(" in ", end):  # `a diet low in sodium`
            continue
        test = nearest(said, {n: m for n, m in tests.items() if n in cue.of}, start, end)
        if test is not None:
            yield _result(said, test.concept.name, cue.value, said.sentence.span)
    for test in tests.values():
        marked = MARKED.match(said.sentence.text, test.span.end - said.sentence.span.start)
        if marked is not None:
            level = "high" if marked["level"][0] in "hHeE" else "low"
            yield _result(said, test.concept.name, level, said.sentence.span)
    for mention, name, level in named_by_level(said):
        yield _result(said, name, level, mention.span)
    for _, start, end in places(said, ABNORMAL, "tells") if tests else ():
        if (test := nearest(said, tests, start, end)) is not None and is_so(said, start, end):
            yield _result(said, test.concept.name, "abnormal", said.sentence.span)


def tests_of(said: Said) -> dict[str, Mention]:
    """The tests of a sentence by name, treatments left out."""
    treatments = rows(ABNORMAL, "not")
    return {
        m.concept.name: m
        for m in said.mentions
        if m.concept.kind in TESTED
        and m.polarity == "yes"
        and own(m)
        and not any(row.pattern.search(m.concept.name) for row in treatments)
    }


def written(said: Said, mention: Mention) -> str:
    """The mention in the words of the text."""
    start = said.sentence.span.start
    return said.sentence.text[mention.span.start - start : mention.span.end - start]


@cache
def _derived() -> dict[str, tuple[str, str]]:
    """What a result out of its range is called, with the test and the level."""
    return {name: (test, level) for name, test, level in rows_of("derived.tsv")}


def named_by_level(said: Said) -> Iterator[tuple[Mention, str, str]]:
    """Findings that are just the level of a test: `hyperkalemia`."""
    laboratory = rows(ABNORMAL, "general")
    for mention in said.mentions:
        test, level = _derived().get(mention.concept.name, ("", ""))
        if " in " in written(said, mention):  # `food that is high in sodium`
            continue
        recent = mention.polarity == "yes" and own(mention) and not mention.context.historical
        if recent and any(row.pattern.fullmatch(test) for row in laboratory):
            yield mention, test, level


def _result(said: Said, test: str, level: str, span: Span) -> VitalItem:
    values = tuple(v for q in said.quantities for v in q.values)
    unclear, shown = is_unclear(said, ABNORMAL), clipped(said.sentence.text)
    return VitalItem(ABNORMAL, test, shown, span, state=level, values=values, unclear=unclear)


def nearest(said: Said, tests: dict[str, Mention], start: int, end: int) -> Mention | None:
    """The test nearest to the words in their sentence."""
    at = said.sentence.span.start
    gaps = [(max(m.span.start - at - end, start - (m.span.end - at)), m) for m in tests.values()]
    near = [g for g in gaps if g[0] <= NEAR / 2]
    return min(near, key=lambda g: g[0])[1] if near else None
