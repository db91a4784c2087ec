"""Which sentences of a transcript ask, and which words of them are asked."""

import re

from edgemed.clinic.reading.said import Said

ASKING_AFTER = re.compile(r"\s*(?:(?:okay|and|so|all right)\b[ ,]*)*(?:how|what) about\b", re.I)
ASKING = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|um|uh|good|great|now|well)\b[ ,.]*)*"
    r"(?:do|does|did|have|has|had|are|is|was|were|any|how about|what about|can|could|would|will|"
    r"when|where|what|who|why|how)\b",
    re.IGNORECASE,
)
YOU = re.compile(r"\b(?:do|did|have|has|are|were|can) (?:you|he|she|your)\b", re.IGNORECASE)
# A question, whatever mark ends it: `Have you had any fever.`
ASKED = re.compile(
    r"\s*(?:(?:okay|all right|alright|and|so|um|uh|good|great|now|well|lastly)\b[ ,.]*)*"
    r"(?:(?:do|does|did|have|has|had|are|is|was|were) (?:you|he|she|it|they|there|your)\b|any\b)",
    re.IGNORECASE,
)
# Words of a statement; a clinician's few words without them are a question: `Fever or chills.`
TELLS = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|do|does|did|will|would|can|could|should|may|might"
    r"|see|seen|want|think|know|need|take|let|get|got|go|going|okay|thank\w*|bye|hi|hello|great)\b"
    r"|'(?:s|re|ve|ll|m)\b",
    re.IGNORECASE,
)
REPLIES = re.compile(
    r"\s*(?:(?:oh|um|uh|well)\b[ ,]*)*(?:no|nope|nah|yes|yeah|yep)\b", re.IGNORECASE
)
# A statement that only asks for agreement: `the x-ray shows a stone, okay?`
TOLD = re.compile(r"[, ](?:okay|ok|all right|alright|you know)\W*\?$", re.IGNORECASE)
# Words before the question by which something is taken for granted; a bare list is asked too.
TAKEN = re.compile(
    r"\b(?:since|with|this|that|the|your|you|you're|because|when|if|has|have|had|is|are|was|were"
    r"|besides|i|we|he|she|it)\b",
    re.IGNORECASE,
)
FEW = 10  # words of a question without a verb
ALTERNATIVE = re.compile(
    r"\bor (?:is|are|was|were|do|does|did|have|has|just|only|more|would|will)\b", re.IGNORECASE
)
GRANTED = re.compile(
    r"\b(?:besides|other th[ae]n|apart from|aside from|except|prior to|before|since|because of)\b",
    re.IGNORECASE,
)
# `stop taking any of these`, `if you have any pain`, `tylenol for any pain` ask nothing.
ANY = re.compile(
    r"(?:(?!n't\b|\bnot\b|\bno\b|\bif\b|\bstop\b|\bavoid\b|\bwithout\b).)*(?<!\bfor )\bany\b", re.I
)
CUE = re.compile(
    r"\b(?:any|anything|(?:do|did|have|has|are|were|is|does|can|could) (?:you|he|she|your|it|there)"
    r"|how about|what about)\b",
    re.IGNORECASE,
)


def is_question(said: Said) -> bool:
    """A sentence that asks."""
    text = said.sentence.text.rstrip()
    if text.endswith(("?", ".")):
        if TOLD.search(text):
            return False
        return text.endswith("?") or any((ASKING_AFTER.match(text), ASKED.match(text)))
    return any((ASKING.match(text), YOU.search(text), ANY.match(text)))


def is_short_question(said: Said, turn: list[Said], following: Said | None) -> bool:
    """A few words of the clinician, without a verb, that get an answer: `Fever or chills.` `No.`"""
    text = said.sentence.text
    return (
        said is turn[-1]
        and said.sentence.role == "clinician"
        and following is not None
        and len(text.split()) <= FEW
        and TELLS.search(text) is None
        and REPLIES.match(following.sentence.text) is not None
    )


def asked_in(said: Said) -> tuple[int, int, int]:
    """Where the question begins, where the last of two choices does, and where it ends.

    What is named outside it is taken for granted: `since you had this knee pain, any numbness?`
    asks for the numbness, `any allergies besides penicillin?` not for the penicillin.
    """
    text, start = said.sentence.text, said.sentence.span.start
    cue = CUE.search(text)
    first = cue.start() if cue and TAKEN.search(text, 0, cue.start()) else 0
    choice = max([first, *(m.start() for m in ALTERNATIVE.finditer(text))])
    granted = GRANTED.search(text, choice)
    return start + first, start + choice, start + (granted.start() if granted else len(text))
