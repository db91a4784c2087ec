"""What the draft says about a thing, compared with what the source says about the same thing.

Severity, course, level, and whether a drug is continued: each cue of the draft is compared with the
source's cues of the same attribute that are said of the same things. It is contradicted if the best
opposite cue shares clearly more of them than the best cue of the same value. Some words are too
serious to pass where the source has nothing like them. Knows no drug by name.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.lists import names_of, words_of
from edgemed.clinic.reading.said import Cue, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

AGAINST: dict[str, dict[str, frozenset[str]]] = {
    "severity": {
        "mild": frozenset(("severe", "moderate")),
        "moderate": frozenset(),
        "severe": frozenset(("mild", "moderate")),
    },
    "trend": {
        "better": frozenset(("worse",)),
        "worse": frozenset(("better",)),
        "same": frozenset(),
    },
    "level": {
        "high": frozenset(("low", "normal")),
        "low": frozenset(("high", "normal")),
        "normal": frozenset(("high", "low", "abnormal")),
        "abnormal": frozenset(("normal",)),
    },
    "doing": {"done": frozenset(("planned",)), "planned": frozenset()},
    "effect": {"some": frozenset(("none",)), "none": frozenset(("some",)), "slight": frozenset()},
    "type": {"one": frozenset(("two",)), "two": frozenset(("one",))},
    "certainty": {"stated": frozenset(("possible",)), "possible": frozenset()},
    "status": {
        "continued": frozenset(("stopped", "held")),
        "started": frozenset(("stopped", "held")),
        "stopped": frozenset(("continued", "started", "current", "increased", "decreased")),
        "held": frozenset(("continued", "started", "current", "increased")),
        "increased": frozenset(("decreased", "stopped", "held")),
        "decreased": frozenset(("increased", "stopped")),
        "current": frozenset(("stopped", "past", "resolved")),
        "past": frozenset(("current",)),
        "resolved": frozenset(("current", "continued")),
    },
}
"""Which values of the source contradict a value of the draft, by attribute."""
LIKE: dict[str, dict[str, frozenset[str]]] = {
    "severity": {"moderate": frozenset(("mild", "severe"))},
    "trend": {"same": frozenset(("better", "worse"))},
    "level": {"abnormal": frozenset(("high", "low"))},
    "effect": {"slight": frozenset(("some", "none"))},
    "status": {
        "continued": frozenset(("current", "increased", "decreased", "started")),
        "started": frozenset(("continued", "current", "increased")),
        "stopped": frozenset(("held", "resolved")),
        "held": frozenset(("stopped",)),
        "current": frozenset(("continued", "started", "increased", "decreased")),
        "past": frozenset(("stopped", "resolved")),
        "resolved": frozenset(("stopped", "past")),
    },
}
"""Which further values of the source support a value of the draft."""
GRAVE: dict[str, frozenset[str]] = {
    "severity": frozenset(("severe",)),
    "trend": frozenset(("worse", "better")),
    "level": frozenset(("high", "low")),
    "certainty": frozenset(("stated",)),
    "status": frozenset(("stopped", "held", "increased", "decreased", "resolved")),
}
"""Values that are flagged if the source says nothing like them about the same thing."""
SAYS = {"trend": "course"}
LEAST = 0.3  # share of what a cue is said of that the source's must share to contradict
SPOKEN = 0.5  # how much less words of talk support, because they mean many things
CLEARLY = 0.6  # share of the opposite cue's overlap below which its own is outweighed


OF_DRUGS = frozenset(("started", "held", "increased", "decreased", "continued", "current"))
ENDED = ("stopped", "held", "resolved", "past")
OF_TAKING = ("current", "continued", "stopped")
HABITS = frozenset(("smoking", "alcohol use", "drug use"))
PROBLEMS = ("finding", "disease", "anatomy", "organism")
WEAK = frozenset(map(stem, words_of("weak.txt")))
EPISODE = re.compile(r"exacerbations?\b(?! by\b)", re.I)
CONDITION = re.compile(
    r"\b(?:if|should|unless|in case(?: of)?|or earlier|sooner|any|when) [^.;]*$", re.I
)
OUTRIGHT = 0.45  # share from which the source contradicts what is said of things no list names
# What makes a thing better or worse: `alleviated by lying down`, `better with ibuprofen`.
FACTOR = re.compile(r"\s*(?:by|with|when|while|during|after|on|in|at)\b", re.I)


class Bound(NamedTuple):
    """A cue of the source, and how much of what the draft's cue is said of it shares."""

    share: float
    cue: Cue


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each cue of the sentence."""
    for cue in said.cues:
        if cue.spoken or cue.attribute not in AGAINST or not any(map(source.rarity, cue.of)):
            continue
        if cue.attribute == "doing" and source.is_talk:
            continue  # what is planned at a visit may be done before it ends
        if cue.attribute == "effect" and not is_of_its_kind(cue, said):
            continue
        factor = factors(said, cue)
        own, against = bound(cue, source, factor)
        best = max((b.share for b in own), default=0.0)
        named = is_of_its_kind(cue, said)
        least = LEAST if named else OUTRIGHT
        rivals = [
            b for b in against
            if b.share >= least and best < CLEARLY * b.share
            and (not factor or factor & set(b.cue.of))
        ]  # fmt: skip
        if rivals:
            yield _contradicted(said, cue, max(rivals, key=lambda b: b.share))
        elif (
            best == 0.0
            and named
            and cue.value in GRAVE.get(cue.attribute, ())
            and not is_part_of_name(said, cue)
        ):
            yield _not_found(said, cue)


def is_part_of_name(said: Said, cue: Cue) -> bool:
    """Whether the word adds nothing to the name: `low mood`, `COPD exacerbation`, or is of a
    turn that has not come: `review if worsening`.
    """
    text, start = said.sentence.text, said.sentence.span.start
    if EPISODE.match(text, cue.span.start - start) or CONDITION.search(
        text[: cue.span.start - start]
    ):
        return True
    return any(
        m.span.start <= cue.span.start and cue.span.end <= m.span.end
        for m in said.mentions
        if m.concept.kind != "word"
    )


def factors(said: Said, cue: Cue) -> set[str]:
    """What the draft says makes a thing better or worse, if the cue is followed by it."""
    text, end = said.sentence.text, cue.span.end - said.sentence.span.start
    if cue.attribute != "trend" or FACTOR.match(text, end) is None:
        return set()
    return {m.concept.name for m in said.mentions
            if m.span.start >= cue.span.end and m.concept.name in cue.of
            and m.concept.name not in WEAK}  # fmt: skip


def is_of_its_kind(cue: Cue, said: Said) -> bool:
    """Whether the cue is said of something of the kind that it is used of."""
    kinds = {m.concept.kind for m in said.mentions if m.concept.name in cue.of}
    if cue.attribute == "status" and not kinds & {"drug"}:
        habit = bool(HABITS & set(cue.of))
        return habit if cue.value in OF_TAKING else cue.value not in OF_DRUGS
    if cue.attribute == "severity" and not kinds & {*PROBLEMS} and "pain" not in cue.of:
        return False
    if cue.attribute == "level" and not kinds & {*PROBLEMS, "procedure"}:
        return False
    if cue.attribute == "doing":
        return "procedure" in kinds
    if cue.attribute == "effect":
        return bool(kinds & {"drug", "procedure"})
    return bool(kinds - {"word"}) or cue.attribute != "trend" or "pain" in cue.of


def bound(
    cue: Cue, source: Source, factor: Collection[str] = ()
) -> tuple[list[Bound], list[Bound]]:
    """The source's cues that support the draft's, and those that contradict it.

    Words of talk contradict only of the same factor: `driving hurts` for relief by driving.
    """
    value, attribute = cue.value, cue.attribute
    of = subject(cue)
    like = LIKE.get(attribute, {}).get(value, frozenset()) | {value}
    own: list[Bound] = []
    against: list[Bound] = []
    shares = source.shares(of)
    for i, other in source.cues.get(attribute, ()):
        if shares.keys().isdisjoint(other.of):
            continue
        share = sum(share for name, share in shares.items() if name in other.of)
        if not share:
            continue
        if other.spoken and other.value != value and value in ENDED:
            continue  # `okay` supports no stop
        if other.value in like:
            own.append(Bound(share * (SPOKEN if other.spoken else 1.0), other))
        elif (source.said[i].asks and attribute != "effect") or (
            other.spoken and not set(factor) & set(other.of)
        ):
            continue
        elif other.value in AGAINST[attribute].get(value, ()):
            against.append(Bound(share, other))
    return own, against


def subject(cue: Cue) -> tuple[str, ...]:
    """The names by which the source's cues are found: of what is done, the tests and operations."""
    if cue.attribute != "doing":
        return cue.of
    return tuple(n for n in cue.of if n in names_of("procedures.txt"))


def severity_of(said: Said, cue: Cue) -> Severity:
    """Major if it is about whether a drug is continued."""
    drugs = {m.concept.name for m in said.mentions if m.concept.kind == "drug"}
    return "major" if cue.attribute == "status" and drugs & set(cue.of) else "minor"


def called(said: Said, cue: Cue, other: Cue) -> str:
    """What both are said of: a thing of the lists, if one is among the names."""
    shared = [n for n in cue.of if n in other.of] or list(cue.of)
    listed = {m.concept.name for m in said.mentions if m.concept.kind != "word"}
    return next((n for n in shared if n in listed), shared[0])


def _contradicted(said: Said, cue: Cue, rival: Bound) -> Flag:
    name = SAYS.get(cue.attribute, cue.attribute)
    reason = f"{name} of {called(said, cue, rival.cue)}: {cue.value} in the draft, "
    reason += f"{rival.cue.value} in the note"
    return Flag(
        cue.attribute, "contradicted", severity_of(said, cue), reason, cue.span, (rival.cue.span,)
    )


def _not_found(said: Said, cue: Cue) -> Flag:
    name = SAYS.get(cue.attribute, cue.attribute)
    reason = f"{name} of {called(said, cue, cue)}: {cue.value} in the draft; "
    reason += "the note does not say so"
    return Flag(cue.attribute, "not found", severity_of(said, cue), reason, cue.span)
