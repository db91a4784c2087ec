"""Whether a text describes the patient as a man or as a woman.

Nouns, titles and pronouns are counted in the sentences that name nobody else. It stays open where a
text has few of them, or both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.said import Said

Sex = Literal["female", "male", ""]
NOUNS: dict[str, Sex] = {
    "female": "female", "woman": "female", "lady": "female", "girl": "female", "mrs": "female",
    "ms": "female", "miss": "female", "ma'am": "female", "f": "female",
    "male": "male", "man": "male", "gentleman": "male", "boy": "male", "mr": "male", "sir": "male",
    "m": "male",
}  # fmt: skip
PRONOUNS: dict[str, Sex] = {
    "she": "female", "her": "female", "hers": "female", "herself": "female",
    "he": "male", "him": "male", "his": "male", "himself": "male",
}  # fmt: skip
BODY: dict[str, Sex] = {
    "pregnant": "female", "menstrual": "female", "hysterectomy": "female", "ovarian": "female",
    "uterus": "female", "vaginal": "female", "prostate": "male", "testicular": "male",
    "erectile": "male",
}  # fmt: skip
WORD = re.compile(r"[A-Za-z]+(?:['’][a-z]+)?")
AGE = re.compile(r"(?:\d|year|month|day|old|y/?o|yo)[ -]*(?:y\.?o\.?\s*)?$", re.I)
TITLE = re.compile(r"\.? [A-Z]")  # after a title in capitals: `MS. SMITH`, and not `MS: denies`
MISSES = re.compile(
    r" (?:an?|any|the|my|his|her|your|its?|that|this|one|two|some|many|out|work|school|doses?|days?"
    r"|appointments?|meals?|you|him|me)\b"
)
OF_ANOTHER = re.compile(r"\b(?:patient of|by|from|sent by|seeing|referred to) $", re.I)
CLEARLY = 3  # times as often as the other
LEAST = 3  # pronouns that say a patient's sex in a conversation
# In a conversation, somebody who says `you` or `I` means another person by `he`.
FACE_TO_FACE = re.compile(r"\b(?:you|your|you're|me|my|i'm|i've|i)\b", re.I)


class SexTold(NamedTuple):
    """A noun or a title that says the patient's sex, and where."""

    sex: Sex
    span: Span


def nouns(said: Said) -> Iterator[SexTold]:
    """The nouns and titles of a sentence that names nobody else."""
    text, offset = said.sentence.text, said.sentence.span.start
    if said.people:
        return
    for m in WORD.finditer(text):
        word = m.group().lower().replace("’", "'")
        if word not in NOUNS:
            continue
        if len(word) == 1 and not (m.group().isupper() and AGE.search(text[: m.start()])):
            continue
        if m.group() in ("MS", "MR") and not TITLE.match(text, m.end()):
            continue
        if word in ("male", "female", "girl", "boy") and text[m.end() :].lower().startswith(
            (" pattern", "friend", " condom", "-pattern")
        ):
            continue
        if word == "miss" and MISSES.match(text, m.end()):
            continue
        if OF_ANOTHER.search(text, 0, m.start()) and TITLE.match(text, m.end()):
            continue
        yield SexTold(NOUNS[word], Span(m.start() + offset, m.end() + offset))


def with_sex(said: Sequence[Said]) -> Iterator[Said]:
    """The sentences, each with the sex that the rest of the text gives the patient."""
    votes = [tally(s) for s in said]
    total = {sex: sum(v[sex] for v in votes) for sex in ("female", "male")}
    for s, own in zip(said, votes, strict=True):
        yield replace(s, rest_says=decided({sex: total[sex] - own[sex] for sex in total}))


def tally(said: Said) -> dict[str, int]:
    """How often a sentence that names nobody else refers to a woman and to a man."""
    votes = {"female": 0, "male": 0}
    if said.people or said.carried:
        return votes
    for told in nouns(said):
        votes[told.sex] += 3
    role = said.sentence.role
    tells = role in ("", "other") or (
        role == "clinician" and FACE_TO_FACE.search(said.sentence.text) is None
    )
    for m in WORD.finditer(said.sentence.text):
        word = m.group().lower()
        for sex in (PRONOUNS.get(word) if tells else None, BODY.get(word)):
            if sex:
                votes[sex] += 1
    return votes


def decided(votes: dict[str, int]) -> Sex:
    """The sex that clearly has more."""
    if votes["female"] > CLEARLY * votes["male"]:
        return "female"
    return "male" if votes["male"] > CLEARLY * votes["female"] else ""
