"""What a signature needs, what prevents it, and when a text may leave the session."""

from hashlib import sha256

from edgemed.amounts import amount
from edgemed.clinic.case.document import Signature
from edgemed.clinic.case.session import (
    ANOTHER_MODEL,
    TO_EDIT,
    Session,
    changed,
    dismissal_of,
    key_of,
    major_open,
    signed_already,
)
from edgemed.clinic.reviewing.counting import counted
from edgemed.clinic.reviewing.usable import whole
from edgemed.errors import Refused


def signed(session: Session, by: str, *, at: str, reason: str = "") -> Session:
    """Sign the present text; open major findings and a cut draft need a typed reason."""
    refusal = why_not_signed(session)
    if refusal is not None:
        raise refusal
    if not by.strip():
        raise Refused("a signature needs a name", "type your name")
    if needs_reason(session) and not reason.strip():
        raise Refused(
            why_a_reason(session),
            "settle each one, or type why you sign anyway",
        )
    still_open = tuple(key_of(session, f) for f in major_open(session))
    digest = sha256(session.text.encode()).hexdigest()
    signature = Signature(by.strip(), at, digest, reason.strip(), still_open)
    return changed(session, signature=signature)


def why_not_signed(session: Session) -> Refused | None:
    """What prevents signing, whatever reason is typed; None if nothing does."""
    if session.signature is not None:
        return signed_already()
    if not session.text.strip():
        return Refused("there is nothing to sign", "make a draft first")
    if session.origin is not None and session.origin.demonstration:
        return Refused("a demonstration draft cannot be signed", ANOTHER_MODEL)
    if session.review is None:
        return Refused(
            "the text has not been checked since the last change",
            "it can be signed once it has been checked",
        )
    if marked := sum(line.startswith(TO_EDIT) for line in session.text.splitlines()):
        return Refused(
            f"{amount(marked, 'inserted line is', 'inserted lines are')} still marked for editing",
            f"edit each one and remove its {TO_EDIT.strip()}",
        )
    return None


def why_not_given_out(session: Session) -> Refused | None:
    """Why the text may not leave the session (file, clipboard); None if it may."""
    if session.origin is not None and session.origin.demonstration:
        return Refused("a demonstration draft cannot be exported", ANOTHER_MODEL)
    if session.signature is None:
        return Refused("only signed text can be exported", "sign the summary first")
    return None


def needs_reason(session: Session) -> bool:
    """Whether signing now would need a typed reason."""
    return bool(why_a_reason(session))


def why_a_reason(session: Session) -> str:
    """What prevents a signature without a typed reason; empty if nothing does."""
    if said := above_draft(session):
        return said
    if major := major_open(session):
        return f"still open: {counted(major).words}"
    return "the end of the draft is missing" if session.cut else ""


def above_draft(session: Session) -> str:
    """The warning above a text that cannot be used as a whole; empty where it can, or where that
    finding was dismissed."""
    found = whole(session.review) if session.review else None
    return found.reason if found and dismissal_of(session, found) is None else ""


def staying_open(session: Session) -> str:
    """What a signature leaves open, as a sentence; empty where nothing major is."""
    count = len(major_open(session))
    return (
        f"{amount(count, 'major finding')} {'stays' if count == 1 else 'stay'} open."
        if count
        else ""
    )
