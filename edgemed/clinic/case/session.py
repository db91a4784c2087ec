"""A note and its documents on their way to a signature: plain data and pure functions.

Every step takes a `Session` and returns a new one, or refuses. A signed document refuses every
further step. Knows no screen, no clock, no disk: who and when come in as arguments.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from edgemed.clinic.case.document import Dismissal, Document, FindingKey, Origin, Signature
from edgemed.clinic.findings import Flag, Omission, Review, Span
from edgemed.clinic.reviewing.counting import flags_of
from edgemed.clinic.reviewing.ranking import first_then_rest
from edgemed.errors import Refused

Stage = Literal["note", "draft", "reviewed", "signed"]
Finding = Flag | Omission

TO_EDIT = "[edit] "  # before a line copied from the note until the clinician has edited it
DEMONSTRATION = "DEMONSTRATION, NOT FOR PATIENTS"
ANOTHER_MODEL = "add a real model: f2 on the screen, or `edgemed models add FILE`"

# Why a finding may be dismissed. The log keeps these words; words of one's own stay in the session.
OTHER = "other"
REASONS = (
    "the note says this in other words",
    "checked with the patient or the chart",
    "not relevant to this summary",
    "the check is mistaken",
    OTHER,
)


@dataclass(frozen=True, slots=True)
class Session:
    """The note and its documents; `number` is that of the open one, from 1, or 0 for none.

    A document keeps its number for good, and a signed one is never changed. `label` is what the
    clinician calls the session. Everything about a text below is about the open document.
    """

    source: str = ""
    documents: tuple[Document, ...] = ()
    number: int = 0
    label: str = ""

    @property
    def document(self) -> Document:
        """The open document; an empty one where none is open."""
        return self.documents[self.number - 1] if self.number else Document()

    @property
    def origin(self) -> Origin | None:
        """What made the draft."""
        return self.document.origin

    @property
    def ai_draft(self) -> str:
        """The draft as the model wrote it."""
        return self.document.ai_draft

    @property
    def cut(self) -> bool:
        """Whether the draft's end is missing."""
        return self.document.cut

    @property
    def text(self) -> str:
        """The present text."""
        return self.document.text

    @property
    def review(self) -> Review | None:
        """What the check of the present text found; None until it was checked."""
        return self.document.review

    @property
    def dismissals(self) -> tuple[Dismissal, ...]:
        """The findings that were set aside."""
        return self.document.dismissals

    @property
    def signature(self) -> Signature | None:
        """Who signed it."""
        return self.document.signature


def stage(session: Session) -> Stage:
    """The stage of the session; an edited draft is a draft again until it has been checked."""
    if not session.number:
        return "note"
    if session.signature is not None:
        return "signed"
    return "draft" if session.review is None else "reviewed"


def opened(text: str) -> Session:
    """A session on the note `text`; line ends become \\n, nothing else changes."""
    source = text.replace("\r\n", "\n").replace("\r", "\n")
    if not source.strip():
        raise Refused("the note is empty", "open a note file, or paste the note's text")
    return Session(source=source)


def drafted(
    session: Session, origin: Origin, draft: str, *, cut: bool = False, at: str = ""
) -> Session:
    """The model has written `draft`, a new document; `cut` says that its end is missing."""
    return _added(session, Document(at, origin, draft, cut, draft))


def addendum(session: Session, *, at: str = "") -> Session:
    """A new, empty document that adds to the open one, which must be signed."""
    if session.signature is None:
        raise Refused("only a signed text takes an addendum", "edit this text as it is")
    return _added(session, Document(at, adds_to=session.document.adds_to or session.number))


def turned_to(session: Session, number: int) -> Session:
    """Another document is open."""
    if not 1 <= number <= len(session.documents):
        count = len(session.documents)
        helps = f"choose one from 1 to {count}" if count else "make a draft first"
        raise Refused(f"there is no document {number}", helps)
    return replace(session, number=number)


def added_to(session: Session) -> Document | None:
    """The signed document that the open one is an addendum to, if it is one."""
    number = session.document.adds_to
    return session.documents[number - 1] if number else None


def _added(session: Session, document: Document) -> Session:
    """The session with one more document, which is open."""
    documents = (*session.documents, document)
    return replace(session, documents=documents, number=len(documents))


def changed(session: Session, **changes: Any) -> Session:
    """The session with a change to the open document, which must not be signed."""
    _must_be_unsigned(session)
    if not session.number:
        raise Refused("there is no text yet", "make a draft first")
    at = session.number - 1
    now = replace(session.document, **changes)
    documents = (*session.documents[:at], now, *session.documents[at + 1 :])
    return replace(session, documents=documents)


def edited(session: Session, text: str) -> Session:
    """The clinician has changed the text: what was checked before no longer counts."""
    _must_be_unsigned(session)
    if text == session.text:
        return session
    return changed(session, text=text, review=None)


def reviewed(session: Session, text: str, review: Review) -> Session:
    """`text` was checked; a review of any other text than the present one is dropped."""
    if text != session.text or session.signature is not None:
        return session
    if session.document.adds_to:  # it is not a summary of the note
        lines = tuple(line for line in review.vital if line.draft)
        review = replace(review, omissions=(), unusable=(), vital=lines)
    return changed(session, review=review)


def dismissed(
    session: Session, finding: Finding, reason: str, words: str = "", *, at: str
) -> Session:
    """Set one finding aside, once; "other" needs words."""
    _must_be_unsigned(session)
    if reason not in REASONS:
        raise Refused("a finding is dismissed with one of the listed reasons", "choose a reason")
    if reason == OTHER and not words.strip():
        raise Refused("no reason given", "type why this finding does not count")
    if dismissal_of(session, finding) is not None:
        raise dismissed_already()
    entry = Dismissal(key_of(session, finding), reason, words.strip(), at)
    return changed(session, dismissals=(*session.dismissals, entry))


def restored(session: Session, finding: Finding) -> Session:
    """Take a dismissal back."""
    key = key_of(session, finding)
    kept = tuple(d for d in session.dismissals if d.key != key)
    return changed(session, dismissals=kept)


def insertion(session: Session, omission: Omission) -> str:
    """The line that adds an omitted fact to the draft, marked for editing."""
    return TO_EDIT + " ".join(quoted(session.source, omission.source).split())


def findings(session: Session) -> list[Finding]:
    """Major ones first: of each severity the few flags that matter most, the rest in draft order,
    then omissions as ranked."""
    if session.review is None:
        return []
    first, rest = first_then_rest(flags_of(session.review))
    found: list[Finding] = [*first, *rest, *session.review.omissions]
    return sorted(found, key=lambda finding: finding.severity != "major")


def open_findings(session: Session) -> list[Finding]:
    """The findings that have not been dismissed."""
    gone = {d.key for d in session.dismissals}
    return [f for f in findings(session) if key_of(session, f) not in gone]


def major_open(session: Session) -> list[Finding]:
    """Open findings of major severity, omissions included: they prevent a signature without a
    reason."""
    return [f for f in open_findings(session) if f.severity == "major"]


def dismissal_of(session: Session, finding: Finding) -> Dismissal | None:
    """How `finding` was dismissed, if it was."""
    key = key_of(session, finding)
    return next((d for d in session.dismissals if d.key == key), None)


def key_of(session: Session, finding: Finding) -> FindingKey:
    """The finding's key: its check, the words it is about, and its reason."""
    if isinstance(finding, Omission):
        words = quoted(session.source, finding.source)
        return FindingKey(f"omission: {finding.kind}", words, finding.reason)
    return FindingKey(finding.check, quoted(session.text, finding.draft), finding.reason)


def quoted(text: str, span: Span) -> str:
    """The characters of `text` that `span` names."""
    return text[span.start : span.end]


def dismissed_already() -> Refused:
    """The refusal of a second dismissal: the first one's reason is in the log."""
    return Refused("that finding is dismissed already", "restore it first, to give another reason")


def signed_already() -> Refused:
    """The refusal of any step on a signed session."""
    return Refused("this text is signed and can no longer change", "add to it with an addendum")


def _must_be_unsigned(session: Session) -> None:
    if session.signature is not None:
        raise signed_already()
