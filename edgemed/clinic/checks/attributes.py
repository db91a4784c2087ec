"""What the draft says about a thing, compared with what the source says about the same thing.

Severity, course, level, and whether a drug goes on: each cue of the draft is compared with the
source's cues of the same attribute that are said of the same things. It contradicts where the
best of the opposite speaks clearly more of the same than the best of its own. Some words are too
serious to pass where the source has nothing like them. Knows no drug by name.
"""

from collections.abc import Iterator
from typing import NamedTuple

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.said import Cue, Mention, Said
from edgemed.clinic.reading.source import Source

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
        "normal": frozenset(("high", "low")),
    },
    "doing": {"done": frozenset(("planned",)), "planned": frozenset()},
    "type": {"one": frozenset(("two",)), "two": frozenset(("one",))},
    "certainty": {"stated": frozenset(("possible",)), "possible": frozenset()},
    "status": {
        "continued": frozenset(("stopped", "held")),
        "started": frozenset(("stopped", "held")),
        "stopped": frozenset(("continued", "started", "current", "increased", "decreased")),
        "held": frozenset(("continued", "started", "current", "increased")),
        "increased": frozenset(("decreased", "stopped", "held")),
        "decreased": frozenset(("increased", "stopped")),
        "current": frozenset(("stopped", "past")),
        "past": frozenset(("current",)),
        "resolved": frozenset(("current", "continued")),
    },
}
"""Which values of the source contradict a value of the draft, by attribute."""
LIKE: dict[str, dict[str, frozenset[str]]] = {
    "severity": {"moderate": frozenset(("mild", "severe"))},
    "trend": {"same": frozenset(("better", "worse"))},
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
    "severity": frozenset(("severe", "mild")),
    "trend": frozenset(("worse", "better")),
    "level": frozenset(("high", "low")),
    "certainty": frozenset(("stated",)),
    "status": frozenset(("stopped", "held", "increased", "decreased", "resolved")),
}
"""Values that are flagged where the source says nothing of the kind about the same thing."""
SAYS = {"trend": "course"}
LEAST = 0.3  # share of what a cue is said of that the source's must share to contradict
SPOKEN = 0.5  # how much less words of talk bear out, for they mean many things
CLEARLY = 0.6  # share of the opposite's binding below which the own value's is outweighed


DOUBTED = ("finding", "disease")
OF_DRUGS = frozenset(("started", "held", "increased", "decreased", "continued", "current"))
HABITS = frozenset(("smoking", "alcohol use", "drug use"))
PROBLEMS = ("finding", "disease", "anatomy", "organism")


class Bound(NamedTuple):
    """A cue of the source and how much of what the draft's is said of it shares."""

    share: float
    cue: Cue


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each cue of the sentence."""
    for cue in said.cues:
        if cue.spoken or cue.attribute not in AGAINST or not is_telling(cue, said, source):
            continue
        own, against = bound(cue, source)
        best = max((b.share for b in own), default=0.0)
        rivals = [b for b in against if b.share >= LEAST and best < CLEARLY * b.share]
        if rivals:
            yield _contradicted(said, cue, max(rivals, key=lambda b: b.share))
        elif best == 0.0 and cue.value in GRAVE.get(cue.attribute, ()):
            yield _not_found(said, cue)


def check_certainty(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each problem that the draft states and the source only calls possible."""
    doubted = {n for c in said.cues if c.attribute == "certainty" and c.value == "possible"
               for n in c.of}  # fmt: skip
    for mention in said.mentions:
        context = mention.context
        if mention.concept.kind not in DOUBTED or mention.polarity != "yes" or context.historical:
            continue
        if context.uncertain or mention.concept.name in doubted:
            continue
        there = source.mentions.get(mention.concept.name, [])
        told = [(i, m) for i, m in there if m.polarity == "yes"]
        if told and all(is_doubted(source.said[i], m) for i, m in told):
            reason = f"{mention.concept.name} is stated in the draft, possible in the source"
            spans = tuple(m.span for _, m in told[:3])
            yield Flag("certainty", "contradicted", "minor", reason, mention.span, spans)


def is_doubted(said: Said, mention: Mention) -> bool:
    """Whether the sentence says that the thing is only possible."""
    return mention.context.uncertain or any(
        cue.attribute == "certainty" and cue.value == "possible" and not cue.spoken
        and mention.concept.name in cue.of
        for cue in said.cues
    )  # fmt: skip


def is_telling(cue: Cue, said: Said, source: Source) -> bool:
    """Whether the cue is said of something of its kind that the source names too."""
    kinds = {m.concept.kind for m in said.mentions if m.concept.name in cue.of}
    if cue.attribute == "status" and cue.value in OF_DRUGS and not kinds & {"drug"}:
        return cue.value in ("current", "continued") and bool(HABITS & set(cue.of))
    if cue.attribute == "severity" and not kinds & {*PROBLEMS} and "pain" not in cue.of:
        return False
    if cue.attribute == "level" and not kinds & {*PROBLEMS, "procedure"}:
        return False
    return any(source.rarity(name) for name in cue.of)


def bound(cue: Cue, source: Source) -> tuple[list[Bound], list[Bound]]:
    """The source's cues that support the draft's, and those that contradict it."""
    value, attribute = cue.value, cue.attribute
    like = LIKE.get(attribute, {}).get(value, frozenset()) | {value}
    own: list[Bound] = []
    against: list[Bound] = []
    for i, other in source.cues.get(attribute, ()):
        share = source.shared(cue.of, other.of)
        if not share:
            continue
        if other.value in like:
            own.append(Bound(share * (SPOKEN if other.spoken else 1.0), other))
        elif other.spoken or source.said[i].sentence.text.endswith("?"):
            continue
        elif other.value in AGAINST[attribute].get(value, ()):
            against.append(Bound(share, other))
    return own, against


def severity_of(said: Said, cue: Cue) -> Severity:
    """Major where it is said of a drug's going on."""
    drugs = {m.concept.name for m in said.mentions if m.concept.kind == "drug"}
    return "major" if cue.attribute == "status" and drugs & set(cue.of) else "minor"


def _contradicted(said: Said, cue: Cue, rival: Bound) -> Flag:
    name = SAYS.get(cue.attribute, cue.attribute)
    reason = f"{name} of {cue.of[0]}: {cue.value} in the draft, {rival.cue.value} in the source"
    return Flag(
        cue.attribute, "contradicted", severity_of(said, cue), reason, cue.span, (rival.cue.span,)
    )


def _not_found(said: Said, cue: Cue) -> Flag:
    name = SAYS.get(cue.attribute, cue.attribute)
    reason = f"{name} of {cue.of[0]}: {cue.value} in the draft; the source does not say so"
    return Flag(cue.attribute, "not found", severity_of(said, cue), reason, cue.span)
