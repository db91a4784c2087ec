"""Plain words that the draft affirms and the source denies of the same thing, or the reverse.

`He has iced it since`, `a diuretic is needed`: words in no list are recognized by their context.
The sentence of the source that shares most of it decides; the denial must be right beside the word.
"""

import re
from collections.abc import Collection, Iterator

from edgemed.clinic.checks.assertions.assertion import (
    OPPOSITE,
    WEAK,
    is_elsewhere,
    is_label,
    is_verbatim,
    places_of,
)
from edgemed.clinic.checks.assertions.narrowing import SOME, is_narrower, stems_at, stems_of
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.allergens import is_avoided
from edgemed.clinic.reading.said import Mention, Polarity, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import STOP, stem

KINDS = ("word", "drug", "procedure")
# Common words of notes that say something by themselves, and further ones that do not.
SAID = frozenset(
    map(stem, "need help change start work use better worse seen see admit feel".split())
)
_EMPTY = (
    "sign evidence few several around now then today currently long ever experience experiencing "
    "undergo underwent describe concern"
)
EMPTY = WEAK - SAID | SOME | frozenset(map(stem, _EMPTY.split()))
AS_NEEDED = re.compile(r"\bas $", re.I)
SAME, SURELY = 0.5, 0.7  # share of a word's context in the sentence that says the opposite
BESIDE = 40  # characters before a word in which `difficulty` or `unable` apply to it
BEFORE = re.compile(
    r"(?:\b(?:not|never|no|cannot|without|denie[sd]|unable to|neg(?:ative)? for|free of)|n't)\s+"
    r"(?P<between>(?:\w+\s+){0,4})$",
    re.I,
)
# Words with which a verb is neither said nor denied: `difficulty keeping his balance`.
HARDLY = re.compile(
    r"\b(?:difficult\w*|trouble|hard|unable|inability|struggl\w+|problems?)\b", re.I
)
# A word that its sentence is about: right after the subject and its small words.
MAIN = re.compile(
    r"(?:^|\b(?:he|she|they|patient|it|this|that|these)\b)"
    r"(?:\s+(?:\w+ly|also|has|have|had|is|are|was|were|been|being|did|does|do|can|will|would|go|went"
    r"|gone|and|or|to|reports?|notes?|states?|any|a|an|the|in|on|for|of|with|yet|ever|just|still))*\s*$",
    re.I,
)
# Words between a denial and what it denies that the other side may say otherwise.
PASSING = frozenset(
    map(stem, "think believe feel really quite even want need go take start use yet much".split())
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for a sentence."""
    if said.asks:
        return
    for mention in said.mentions:
        if mention.concept.kind not in KINDS or mention.concept.name in EMPTY:
            continue
        if is_label(said, mention) or is_verbatim(said, mention, source):
            continue
        if not mention.context.historical and not is_avoided(mention, source):
            rival = opposite(said, mention, source)
            if rival is not None:
                here = "negated" if state(mention) == "no" else "affirmed"
                verb = "affirms" if state(mention) == "no" else "negates"
                reason = f"{mention.concept.name}: {here} in the draft; the note {verb} it"
                yield Flag("negation", "contradicted", "minor", reason, mention.span, (rival.span,))
                return


def state(mention: Mention) -> Polarity:
    """Whether the word is affirmed or denied, within a condition too (`if it does not help`)."""
    if mention.context.hypothetical and mention.polarity == "open":
        return "no" if mention.context.negated else "yes"
    return mention.polarity


def opposite(said: Said, mention: Mention, source: Source) -> Mention | None:
    """The word in the source's sentence about the same, where that says the opposite."""
    here = state(mention)
    if here == "open" or mention.context.uncertain:
        return None
    company = source.company(said, mention.span)
    there = [
        (i, m) for i, m in source.mentions.get(mention.concept.name, ()) if not m.context.historical
    ]
    start = mention.span.start - said.sentence.span.start
    if not there or AS_NEEDED.search(said.sentence.text[:start]):
        return None
    if len(company) < 2 and not (any(map(source.is_listed, company)) or is_short(said, company)):
        return None
    scored = [(source.kept(company, i), i, m) for i, m in there]
    under = mention.context.hypothetical  # one said under a condition, the other not
    scored = [s for s in scored if s[2].context.hypothetical == under or s[0] >= SURELY]
    against = [a for a in scored if state(a[2]) == OPPOSITE[here]]
    here_at = places_of(said, mention)
    against = [a for a in against if not is_elsewhere(here_at, places_of(source.said[a[1]], a[2]))]
    best = max(against, key=lambda a: a[0], default=None)
    own = max((a[0] for a in scored if state(a[2]) == here), default=0.0)
    least = SURELY if mention.concept.name in WEAK else SAME
    if best is None or best[0] < least or own >= best[0] / 2:
        return None
    sides = [(said, mention), (source.said[best[1]], best[2])]
    (denied, at), (other, beside) = sides if here == "no" else sides[::-1]
    if is_hardly(other, beside) or not is_denied(denied, at, other, beside):
        return None
    reach = stems_at(source, best[1]) if here == "no" else stems_of(said)
    return None if is_narrower(denied, at, reach) else best[2]


def is_short(said: Said, company: Collection[str]) -> bool:
    """Whether the sentence has no words besides the context: `Admitted to the hospital.`"""
    return bool(company) and len({m.concept.name for m in said.mentions}) <= len(company) + 1


def is_denied(denied: Said, at: Mention, other: Said, beside: Mention) -> bool:
    """Whether the denial is of the word: right before it, or by the answer to a question.

    `No extra heart sounds` denies the extra ones: `other` affirms the same if it says so too. What
    an answer denies must be what the other sentence is about.
    """
    if not at.context.negated and denied.sentence.role:
        start = beside.span.start - other.sentence.span.start
        return MAIN.search(other.sentence.text[:start]) is not None
    start = at.span.start - denied.sentence.span.start
    before = BEFORE.search(denied.sentence.text[:start])
    if before is None:
        return False
    between = {stem(w) for w in before["between"].lower().split() if w not in STOP}
    return between - PASSING <= {w.stem for w in other.words}


def is_hardly(said: Said, mention: Mention) -> bool:
    """Whether the sentence nearly denies the word."""
    start = mention.span.start - said.sentence.span.start
    return HARDLY.search(said.sentence.text, max(0, start - BESIDE), start) is not None
