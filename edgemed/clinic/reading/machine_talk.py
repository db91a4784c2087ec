"""Finds model output that is no text about a patient, and that no person writes in a note.

A refusal, an order to a model, marks of a chat, blanks of a form that nobody filled in, words
written letter by letter. What the note has too does not count.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import SAYS, AddressedKind
from edgemed.clinic.reading.addressed import addressed

OPENING = 200  # characters at the beginning, where a refusal is
LETTERS_APART = 6  # from so many single letters in a row on it is no abbreviation
MOSTLY = 0.5  # of all lines, or of all letters
LEFT: tuple[AddressedKind, ...] = ("instruction", "role", "marker", "code")

_NOT = r"(?:cannot|can't|can not|won't|will not|must decline to)|(?:am|'m) (?:unable|not able) to"
_SUBJECT = r"(?:request|question|task|summary|note|letter|draft|document|content|advice)s?"
REFUSED = re.compile(
    rf"\bI ?(?:{_NOT}) (?:help|assist|comply|fulfil\w*|provide|write|create|generate|process"
    rf"|answer|complete|produce|draft|offer|summari[sz]e)\b"
    rf"(?:(?: \w+){{0,4}}? {_SUBJECT}| (?:you )?(?:with )?(?:that|this)\b(?! \w))"
    r"|\bas an? (?:ai|artificial intelligence|(?:large |ai )?language model|chat ?bot)\b"
    r"|\b(?:please|could you|can you) (?:provide|share|paste|send|give)(?: me)?(?: with)?"
    r" (?:the|your|a)(?: \w+){0,2} (?:note|text|document|transcript)s?\b",
    re.IGNORECASE,
)

_SLOT = """name|surname|initials|date|today|time|age|sex|gender|dob|mrn|id|number|address|phone
email|doctor|physician|clinician|provider|consultant|signature|title|hospital|clinic|department|diagnosis
diagnoses|condition|symptoms?|medications?|drug|dose|dosage|frequency|allerg(?:y|ies)|reason
procedure|findings?|results?|plan|history|patient|value|placeholder|details?""".replace("\n", "|")
_FILL = "insert|enter|add|fill|specify|your|type|write|provide|to be"
PLACEHOLDER = re.compile(
    rf"\[(?:(?:{_FILL})\b[^\]\n]{{0,60}}|(?:[a-z'’/-]+ ){{0,4}}(?:{_SLOT})(?: [a-z]+)?)\]"
    rf"|<(?:(?:{_FILL}) [^>\n]{{1,60}}|(?:[a-z'’/-]+[ _]){{0,4}}(?:{_SLOT}))>"
    rf"|\{{+ ?(?:(?:{_FILL}) [^}}\n]{{1,60}}"
    rf"|(?:[a-z'’/-]+[ _]){{0,4}}(?:{_SLOT})(?:[ _][a-z]+){{0,2}}) ?\}}+"
    r"|\bx{2}/x{2}/x{2,4}\b|\bx{2}-year-old\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]")
APART = re.compile(rf"(?:(?<![^\W_])[^\W\d_][ \t]+){{{LETTERS_APART - 1},}}[^\W\d_](?![^\W_])")


def machine_talk(draft: str, source: str) -> Iterator[str]:
    """What is wrong with `draft`, in words that follow "it"; nothing if it is about a patient."""
    if refuses(draft, source):
        yield "refuses to answer"
    else:
        yield from (SAYS[kind] for kind in left_of_a_chat(draft, source))
    if is_an_empty_form(draft, source):
        yield "is a form that was not filled in"
    if is_letter_by_letter(draft):
        yield "is written letter by letter"


def refuses(draft: str, source: str) -> bool:
    """Whether it begins by saying that nothing will be written."""
    said, known = (text.replace("’", "'") for text in (draft[:OPENING], source))
    found = REFUSED.search(said)
    return found is not None and found[0] not in known


def left_of_a_chat(draft: str, source: str) -> list[AddressedKind]:
    """In what way it speaks to a model, or as one, where the note does not."""
    known = " ".join(source.split())
    places = addressed(draft)
    own = [p.kind for p in places if " ".join(draft[slice(*p.span)].split()) not in known]
    return [kind for kind in LEFT if kind in own]


def placeholders(text: str, source: str) -> Iterator[re.Match[str]]:
    """Blanks of a form that should have been filled in, without those that the note has too."""
    return (match for match in PLACEHOLDER.finditer(text) if match[0] not in source)


def is_an_empty_form(draft: str, source: str) -> bool:
    """Whether most lines with words are nothing but a blank to fill in."""
    lines = [line for line in draft.splitlines() if WORD.search(line)]
    empty = sum(any(placeholders(line, source)) for line in lines)
    return empty > MOSTLY * len(lines)


def is_letter_by_letter(draft: str) -> bool:
    """Whether most of its letters are separated from each other."""
    apart = sum(len(WORD.findall(match[0])) for match in APART.finditer(draft))
    return apart > MOSTLY * len(WORD.findall(draft))
