"""Words and verb forms that English uses only with a denial, found without one.

`reports any pain`, `he notice the pain`, `other symptoms except for weakness`: whatever the source
says, a `no` or `does not` may be lost. Looks only at the draft.
"""

import re
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import lines, words_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

COMPARED = ("finding", "disease")
_FEW = "one|two|three|four|five|six|seven|eight|nine|ten|twelve"
OR = re.compile(
    rf"(?<!\d )\bor\b(?! (?:so|\d|an?\b|more|less|{_FEW})\b)(?! \d)",
)
AFFIRMS = re.compile(
    r"\b(?:reports|endorses|reported|endorsed|complains of|positive for|(?:has|have) had|has|had|"
    r"there (?:is|are|was|were))\b",
    re.IGNORECASE,
)
BESIDE = 12  # characters between `or` and what it joins
# A clause of its own: what is denied in front of it is not denied in it.
ANEW = re.compile(
    r"(?:[,;] (?:but |and )?|\bbut )(?=(?:he|she|it|the patient|these|this) )", re.IGNORECASE
)
DENIAL = re.compile(
    r"\b(?:no|not|never|denie[sd]|if|whether|without|nor|assess|evaluat\w+|potential|possible|rule"
    r"|encourag\w+|advised|instructed|asked|told|should|call|please|exertion|as|than|most|least"
    r"|best|only|first|last|hardly|unable|unlikely|refus\w+|avoid\w*|prevent\w*|\w+est"
    r"|with difficulty)\b|n't\b",
    re.IGNORECASE,
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each such place of the sentence."""
    yield from _lost_denials(said)
    yield from _lost_auxiliaries(said)


@cache
def only_denied() -> re.Pattern[str]:
    """Words of the list `only_denied.txt`."""
    return re.compile("|".join(f"(?:{line})" for line in lines("only_denied.txt")), re.IGNORECASE)


def _lost_denials(said: Said) -> Iterator[Flag]:
    """`reports any pain`, `reports fever or chills`: English uses this for what is denied or asked.

    Where nothing denies or asks, a `no` may be lost.
    """
    text, offset = said.sentence.text, said.sentence.span.start
    for pattern, of in ((only_denied(), None), (OR, _listed)):
        for match in pattern.finditer(text):
            begins = max((m.end() for m in ANEW.finditer(text, 0, match.start())), default=0)
            if DENIAL.search(text, begins, match.start()) or "?" in text:
                continue
            if of and not of(said, match):
                continue
            span = Span(match.start() + offset, match.end() + offset)
            reason = f"{match.group()!r} without a denial: a negation may be lost"
            yield Flag("negation", "not found", "minor", reason, span)


def _listed(said: Said, match: re.Match[str]) -> bool:
    """Whether `or` joins findings that are affirmed: both, or one after `reports`."""
    text, offset = said.sentence.text, said.sentence.span.start
    told = [m for m in said.mentions if m.concept.kind in COMPARED]
    before = [m for m in told if 0 <= match.start() + offset - m.span.end <= BESIDE]
    behind = [m for m in told if 0 <= m.span.start - match.end() - offset <= BESIDE]
    if any(m.polarity != "yes" or m.context.uncertain for m in before + behind):
        return False
    return bool(before and behind) or bool(
        before + behind and AFFIRMS.search(text, 0, match.start())
    )


def _lost_auxiliaries(said: Said) -> Iterator[Flag]:
    """`He notice the pain`, `it help`: with one person English uses this form after `does not`.

    Where nothing else asks for the form (`recommended that he take`), a `does not` may be lost.
    """
    text, offset = said.sentence.text, said.sentence.span.start
    if said.sentence.role:
        return
    found = [(m, GOVERNS) for p in (BARE, BARE_OF_THING) for m in p.finditer(text)]
    found += [(m, WISHES) for p in bare_of_one() for m in p.finditer(text)]
    found += [(m, ASKED_FOR) for m in BARE_BEHIND_BUT.finditer(text)]
    for match, governs in sorted(found, key=lambda f: f[0].start()):
        clause = max((m.end() for m in CLAUSE_ENDS.finditer(text, 0, match.start())), default=0)
        clause = 0 if governs is ASKED_FOR else clause
        if governs.search(text, clause, match.start()):
            continue
        span = Span(match.start() + offset, match.end() + offset)
        reason = f"{match.group()!r}: a 'does not' may be lost"
        yield Flag("negation", "not found", "minor", reason, span)
        return


@cache
def bare_of_one() -> tuple[re.Pattern[str], ...]:
    """`He` or `she`, which are always what acts, and any verb that would end in s; `it` and `the
    patient` where they begin a clause."""
    any_of = "|".join(sorted(words_of("verbs.txt")))
    verbs = rf"(?:(?:also|still|just|now|often|only|\w+ly) )?(?:{any_of})\b"
    begins = r"(?:(?<=^)|(?<=[,;:] )|\b(?:and|so|but|because|since|that|when|where) )"
    return (
        re.compile(rf"\b(?:he|she) {verbs}", re.IGNORECASE),
        re.compile(rf"{begins}(?:it|(?:the|this) patient) {verbs}", re.IGNORECASE),
    )


# One person or thing and a verb that would end in s of it.
BARE = re.compile(
    r"\b(?:he|she|it|(?:the |this )?patient|(?:mr|mrs|ms)\.? \w+)"
    r" (?:also |still |currently |just |now )?(?:have|help|affect|enroll|attend|drive"
    r"|notice|note|seek|get|provide|bring|resolve|spend|give|go|come|become|report|complain|mention"
    r"|follow|keep|travel|consume|participate|respond|worsen|increase|decrease"
    r"|eat|drink|smoke|take|feel|use|need|want|think|know|recall|remember|monitor|appear|seem|show"
    r"|improve|relieve|work|wear|sleep|bother|hurt|cause|require|tolerate|experience|recur|radiate"
    r"|interfere|limit|check|exercise|wake|live|believe|understand|like)\b",
    re.IGNORECASE,
)
# The same of a thing, with verbs that are no nouns: `the pain interfere`.
BARE_OF_THING = re.compile(
    r"\b(?:the|his|her|this) (?!(?:feet|teeth|children|people|men|women|data|family|staff|rest"
    r"|will|can|may|might|could|would|should|shall|does|did|must|cannot)\b)"
    r"[a-z]{3,}(?<!s) (?:also |still )?(?:have|interfere|relieve|resolve|radiate|improve|worsen"
    r"|recur|bother|require|become|come|seem|appear|affect|occur|prevent|respond|tolerate)\b",
    re.IGNORECASE,
)
# A verb that is no noun, after `but` and a subject: `was treated, but improve`.
BARE_BEHIND_BUT = re.compile(
    r"(?<=, )but (?:also |still )?(?:interfere|relieve|resolve|radiate|improve|worsen|recur|require"
    r"|become|come|seem|appear|affect|occur|prevent|respond|tolerate|lose|get|give|take|know|think"
    r"|remember|recall|go)\b",
    re.IGNORECASE,
)
CLAUSE_ENDS = re.compile(r"[,;:.]\s|\bbut\s", re.IGNORECASE)
GOVERNS = re.compile(
    r"\b(?:recommend\w*|suggest\w*|advis\w+|request\w*|ask\w*|insist\w*|demand\w*|urg\w+|prefer\w*"
    r"|important|essential|necessary|do|does|did|can|could|may|might|must|should|shall|will|would"
    r"|let|make|makes|made|have|had|help\w*|see|saw|watch\w*|hear\w*|feel|lest|than|and|or|to)\b",
    re.IGNORECASE,
)

# After these alone `he` may have the form: `we ask that he return`, `does he smoke`.
WISHES = re.compile(
    r"\b(?:recommend\w*|suggest\w*|advis\w+|request\w*|ask\w*|insist\w*|demand\w*|urg\w+|prefer\w*"
    r"|propos\w+|instruct\w*|wish\w*|important|essential|necessary|imperative|crucial|lest|should"
    r"|(?:do|does|did|can|could|may|might|must|shall|will|would)\s+$)",
    re.IGNORECASE,
)
# After these a verb may have the form too, in the same sentence: `able to walk, but lose`.
ASKED_FOR = re.compile(
    r"\b(?:to|do|does|did|can|could|may|might|must|should|shall|will|would|let|make|makes|made"
    r"|they|we|you|i|\w+[^s\W]s (?:are|were|have))\b|n't\b",
    re.IGNORECASE,
)
