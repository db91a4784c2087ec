"""One note on its way to a signed summary: plain data and pure functions.

Every step takes a `Session` and returns a new one, or refuses. A signed session refuses every
further step. Knows no screen, no clock, no disk: who and when come in as arguments.
"""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from edgemed.clinic.findings import Flag, Omission, Review, Span
from edgemed.clinic.ranking import first_then_rest
from edgemed.clinic.usable import above
from edgemed.errors import Refused

Stage = Literal["note", "draft", "reviewed", "signed"]
Finding = Flag | Omission

TO_EDIT = "[edit] "  # before a line copied from the note until the clinician has edited it
DEMONSTRATION = "DEMONSTRATION, NOT FOR PATIENTS"

# Why a finding may be dismissed. The log keeps these words; words of one's own stay in the session.
OTHER = "other"
REASONS = (
    "the note says this in other words",
    "checked with the patient or the chart",
    "not relevant to this summary",
    "the check is mistaken",
    OTHER,
)


class Key(NamedTuple):
    """What makes a finding the same one after the draft was edited and checked again."""

    check: str
    words: str
    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the draft: names and hashes of model and template, and the settings."""

    model: str
    template: str
    model_hash: str = ""
    template_hash: str = ""
    demonstration: bool = False
    settings: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A finding set aside: one of `REASONS`, and the clinician's own words if there are any."""

    key: Key
    reason: str
    words: str
    at: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed what and when (ISO 8601), and why with findings still open."""

    by: str
    at: str
    digest: str
    reason: str = ""
    open: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """The note, what the model wrote, the present text, and what was decided about it."""

    source: str = ""
    origin: Origin | None = None
    ai_draft: str = ""
    cut: bool = False
    text: str = ""
    review: Review | None = None
    dismissals: tuple[Dismissal, ...] = field(default=())
    signature: Signature | None = None


def stage(session: Session) -> Stage:
    """The stage of the session; an edited draft is a draft again until it has been checked."""
    if session.signature is not None:
        return "signed"
    if session.origin is None:
        return "note"
    return "draft" if session.review is None else "reviewed"


def opened(text: str) -> Session:
    """A session on the note `text`; line ends become \\n, nothing else changes."""
    source = text.replace("\r\n", "\n").replace("\r", "\n")
    if not source.strip():
        raise Refused("the note is empty", "open a note file, or paste the note's text")
    return Session(source=source)


def drafted(session: Session, origin: Origin, draft: str, *, cut: bool = False) -> Session:
    """The model has written `draft`; `cut` says that a limit ended it, not the model."""
    _must_be_open(session)
    return Session(source=session.source, origin=origin, ai_draft=draft, cut=cut, text=draft)


def edited(session: Session, text: str) -> Session:
    """The clinician has changed the draft: what was checked before no longer counts."""
    _must_be_open(session)
    if text == session.text:
        return session
    return replace(session, text=text, review=None)


def reviewed(session: Session, text: str, review: Review) -> Session:
    """`text` was checked; a review of any other text than the present one is dropped."""
    if text != session.text or session.signature is not None:
        return session
    return replace(session, review=review)


def dismissed(
    session: Session, finding: Finding, reason: str, words: str = "", *, at: str
) -> Session:
    """Set one finding aside; "other" needs words."""
    _must_be_open(session)
    if reason not in REASONS:
        raise Refused("a finding is dismissed with one of the listed reasons", "choose a reason")
    if reason == OTHER and not words.strip():
        raise Refused("no reason given", "type why this finding does not count")
    entry = Dismissal(key_of(session, finding), reason, words.strip(), at)
    kept = tuple(d for d in session.dismissals if d.key != entry.key)
    return replace(session, dismissals=(*kept, entry))


def restored(session: Session, finding: Finding) -> Session:
    """Take a dismissal back."""
    _must_be_open(session)
    key = key_of(session, finding)
    return replace(session, dismissals=tuple(d for d in session.dismissals if d.key != key))


def insertion(session: Session, omission: Omission) -> str:
    """The line that carries an omitted fact into the draft, marked for editing."""
    return TO_EDIT + " ".join(quoted(session.source, omission.source).split())


def signed(session: Session, by: str, *, at: str, reason: str = "") -> Session:
    """Sign the text that stands; open major flags and a cut draft need a typed reason."""
    refusal = why_not_signed(session)
    if refusal is not None:
        raise refusal
    if not by.strip():
        raise Refused("a signature needs a name", "type your name")
    if needs_reason(session) and not reason.strip():
        raise Refused(
            above_draft(session) or "major flags are open",
            "settle each one, or type why you sign anyway",
        )
    still_open = tuple(key_of(session, f) for f in major_flags(session))
    digest = sha256(session.text.encode()).hexdigest()
    signature = Signature(by.strip(), at, digest, reason.strip(), still_open)
    return replace(session, signature=signature)


def why_not_signed(session: Session) -> Refused | None:
    """What prevents signing, whatever reason is typed; None if nothing does."""
    if session.signature is not None:
        return signed_already()
    if session.origin is None or not session.text.strip():
        return Refused("there is nothing to sign", "make a draft first")
    if session.origin.demonstration:
        return Refused(
            "a demonstration draft cannot be signed", "add a real model on the Models screen"
        )
    if session.review is None:
        return Refused("the text has not been checked since the last change", "wait a moment")
    if marked := sum(line.startswith(TO_EDIT) for line in session.text.splitlines()):
        return Refused(
            f"{marked} inserted line{'s are' if marked > 1 else ' is'} still marked for editing",
            f"edit each one and remove its {TO_EDIT.strip()}",
        )
    return None


def why_not_given_out(session: Session) -> Refused | None:
    """Why the text may not leave the session (file, clipboard); None if it may."""
    if session.origin is not None and session.origin.demonstration:
        return Refused(
            "a demonstration draft cannot be exported", "add a real model on the Models screen"
        )
    if session.signature is None:
        return Refused("only signed text can be exported", "sign the summary first")
    return None


def needs_reason(session: Session) -> bool:
    """Whether signing now would need a typed reason."""
    return session.cut or bool(major_flags(session)) or bool(above_draft(session))


def above_draft(session: Session) -> str:
    """The warning above a text that cannot be used as a whole; empty where it can."""
    return above(session.review.unusable) if session.review else ""


def findings(session: Session) -> list[Finding]:
    """The few flags that matter most, the rest in draft order, then omissions as ranked."""
    if session.review is None:
        return []
    flags = [flag for claim in session.review.claims for flag in claim.flags]
    first, rest = first_then_rest(flags)
    return [*first, *rest, *session.review.omissions]


def open_findings(session: Session) -> list[Finding]:
    """The findings that have not been dismissed."""
    gone = {d.key for d in session.dismissals}
    return [f for f in findings(session) if key_of(session, f) not in gone]


def major_flags(session: Session) -> list[Flag]:
    """Open flags of major severity: they stand in the way of a signature without a reason."""
    return [f for f in open_findings(session) if isinstance(f, Flag) and f.severity == "major"]


def dismissal_of(session: Session, finding: Finding) -> Dismissal | None:
    """How `finding` was dismissed, if it was."""
    key = key_of(session, finding)
    return next((d for d in session.dismissals if d.key == key), None)


def key_of(session: Session, finding: Finding) -> Key:
    """The finding's key: its check, the words it is about, and its reason."""
    if isinstance(finding, Omission):
        words = quoted(session.source, finding.source)
        return Key(f"omission: {finding.kind}", words, finding.reason)
    return Key(finding.check, quoted(session.text, finding.draft), finding.reason)


def quoted(text: str, span: Span) -> str:
    """The characters of `text` that `span` names."""
    return text[span.start : span.end]


def signed_already() -> Refused:
    """The refusal of any step on a signed session."""
    return Refused("this summary is signed", "signed text cannot change; start a new session")


def _must_be_open(session: Session) -> None:
    if session.signature is not None:
        raise signed_already()
