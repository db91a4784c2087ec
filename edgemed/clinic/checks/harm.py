"""How serious a flag is, by the harm that the error would do.

A check says how sure it is; this says what is at stake: an allergy, an anticoagulant, a
denied finding on which the note's own assessment rests.
"""

import re
from dataclasses import replace
from functools import cache

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.lists import lines, words_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

ALLERGY = re.compile(r"\ballerg|\bnkda\b|\banaphyla", re.I)
CODE_STATUS = re.compile(r"\b(?:dnr|dni|full code|do not resuscitate|code status|hospice)\b", re.I)
OF_DRUGS = ("status", "dose", "regimen", "negation", "frequency", "entity", "number")


def weighed(flag: Flag, said: Said, source: Source) -> Flag:
    """The flag with its severity raised where what it is about does most harm."""
    severity: Severity = "major" if is_grave(flag, said, source) else flag.severity
    return replace(flag, severity=severity)


def is_of_an_allergy(flag: Flag, said: Said) -> bool:
    """Whether the flag is about the allergy or what may cause one, and about no other finding."""
    flagged = [
        m.concept
        for m in said.mentions
        if m.span.start < flag.draft.end and flag.draft.start < m.span.end
    ]
    others = [c for c in flagged if c.kind in ("finding", "disease", "procedure", "anatomy")]
    return len(others) < len(flagged) or not flagged or any(ALLERGY.search(c.name) for c in others)


def is_grave(flag: Flag, said: Said, source: Source) -> bool:
    """Whether an error of this kind in this sentence does most harm."""
    if flag.label == "not checked" or flag.check in ("name", "wording", "unsupported"):
        return False
    text = said.sentence.text
    if ALLERGY.search(text) and flag.check in ("negation", "entity", "allergy"):
        return not text.lower().startswith("seasonal") and is_of_an_allergy(flag, said)
    if CODE_STATUS.search(text) and flag.check in ("negation", "entity"):
        return True
    drugs = {m.concept.name for m in said.mentions if m.concept.kind == "drug"}
    if flag.check in OF_DRUGS and drugs & words_of("grave.txt"):
        return True
    names = {
        m.concept.name
        for m in said.mentions
        if m.span.start < flag.draft.end and flag.draft.start < m.span.end
    }
    if flag.check in ("negation", "entity") and any(map(grave_diagnoses().fullmatch, names)):
        return True
    return flag.check == "negation" and any(name in source.assessed for name in names)


@cache
def grave_diagnoses() -> re.Pattern[str]:
    """Diagnoses with which an error does the most harm, alone or with other words."""
    any_of = "|".join(f"(?:{line})" for line in lines("grave_diagnoses.txt"))
    return re.compile(rf"(?:.*\b)?(?:{any_of})(?:\b.*)?")
