"""The one line above a text: whether it can be used, and what to look at first."""

from typing import Literal, NamedTuple

from edgemed.amounts import amount
from edgemed.clinic.case.document import minute
from edgemed.clinic.case.grouping import first
from edgemed.clinic.case.session import Session, open_findings
from edgemed.clinic.case.signing import above_draft
from edgemed.clinic.reviewing.counting import counted
from edgemed.clinic.reviewing.ranking import FIRST
from edgemed.clinic.reviewing.usable import nothing_found

NONE_OF_IT = "nothing in it was found in the note"
NOTHING = "No findings; that does not make it right: read it against the note"


class Verdict(NamedTuple):
    """What kind of verdict, and its words. "clear" never says that a text is right."""

    kind: Literal["none", "checking", "unusable", "look", "clear", "signed"]
    words: str


def verdict(session: Session) -> Verdict:
    """The verdict on the open text, by the findings that are still open."""
    if session.signature is not None:
        signature = session.signature
        return Verdict("signed", f"Signed by {signature.by}, {minute(signature.at)}")
    if not session.text.strip():
        return Verdict("none", "")
    if session.review is None:
        return Verdict("checking", "The text is being compared with the note")
    if said := above_draft(session):
        return Verdict("unusable", said)
    still_open = open_findings(session)
    counts = counted(still_open)
    end = "its end is missing" if session.cut else ""
    none = NONE_OF_IT if nothing_found(session.review.claims) else ""
    if still_open:
        what = amount(len(still_open), "finding")
        if len(still_open) > FIRST:
            what = f"findings {', '.join(map(str, first(session)))} first"
        return Verdict(
            "look", f"Look at {what}: {', '.join(filter(None, (none, end, counts.words)))}"
        )
    return Verdict("look", f"Look: {end}") if end else Verdict("clear", NOTHING)
