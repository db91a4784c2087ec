"""A session as plain values, and back again, also from what earlier versions saved.

    form 1   the note and one text: the keys of a document besides "source", and no "form"
    form 2   {"form": 2, "source", "label", "number", "documents": [...]}

What is read is checked: whoever knows the passphrase could have stored anything.
"""

from dataclasses import asdict
from hashlib import sha256
from typing import Any

from edgemed.clinic.case.document import Dismissal, Document, FindingKey, Origin, Signature
from edgemed.clinic.case.session import Session
from edgemed.clinic.findings import Addressed, Claim, Flag, Omission, Review, Span, Vital
from edgemed.errors import InvalidFile

FORM = 2


def to_data(session: Session) -> dict[str, Any]:
    """The session's plain values, of today's form."""
    return {"form": FORM, **asdict(session)}


def from_data(data: dict[str, Any]) -> Session:
    """A session from the plain values that this or an earlier version made of it.

    KeyError, TypeError, ValueError or AttributeError where they are no session, InvalidFile where a
    later version made them, or a signed text is not the one that was signed.
    """
    form = data.get("form", 1)
    if form not in (1, FORM):
        raise InvalidFile(
            "the session was saved by a later version of edgemed", "open it with that version"
        )
    session = _of_one_text(data) if form == 1 else _of_documents(data)
    _refuse_odd(session)
    return session


def _of_documents(data: dict[str, Any]) -> Session:
    documents = tuple(_document(d) for d in data["documents"])
    return Session(data["source"], documents, data["number"], data["label"])


def _of_one_text(data: dict[str, Any]) -> Session:
    """What versions without documents saved: at most one text, without the time it was begun."""
    document = _document(data)
    if document.origin is None and not document.text:
        return Session(data["source"])
    return Session(data["source"], (document,), 1)


def _document(data: dict[str, Any]) -> Document:
    origin, review, signature = data["origin"], data["review"], data["signature"]
    return Document(
        at=data.get("at", ""),
        origin=_origin(origin) if origin else None,
        ai_draft=data["ai_draft"],
        cut=data["cut"],
        text=data["text"],
        review=_review(review) if review else None,
        dismissals=tuple(_dismissal(d) for d in data["dismissals"]),
        signature=_signature(signature) if signature else None,
        adds_to=data.get("adds_to", 0),
    )


def _origin(data: dict[str, Any]) -> Origin:
    return Origin(**data | {"settings": tuple((k, v) for k, v in data["settings"])})


def _signature(data: dict[str, Any]) -> Signature:
    return Signature(**data | {"open": tuple(FindingKey(*key) for key in data["open"])})


def _dismissal(data: dict[str, Any]) -> Dismissal:
    return Dismissal(**data | {"key": FindingKey(*data["key"])})


def _review(data: dict[str, Any]) -> Review:
    claims = tuple(_claim(c) for c in data["claims"])
    omissions = tuple(Omission(**o | {"source": Span(*o["source"])}) for o in data["omissions"])
    places = tuple(Addressed(Span(*p["span"]), p["kind"]) for p in data.get("addressed", ()))
    lines = tuple(_vital(line) for line in data.get("vital", ()))
    return Review(claims, omissions, places, tuple(map(str, data.get("unusable", ()))), lines)


def _vital(data: dict[str, Any]) -> Vital:
    items = tuple(map(str, data["items"]))
    return Vital(**data | {"items": items, "source": _spans(data["source"]),
                           "draft": _spans(data["draft"])})  # fmt: skip


def _claim(data: dict[str, Any]) -> Claim:
    flags = tuple(_flag(flag) for flag in data["flags"])
    missing = tuple(map(str, data.get("missing", ())))
    return Claim(Span(*data["draft"]), data["label"], _spans(data["evidence"]), flags, missing)


def _flag(data: dict[str, Any]) -> Flag:
    return Flag(**data | {"draft": Span(*data["draft"]), "source": _spans(data["source"])})


def _spans(data: list[list[int]]) -> tuple[Span, ...]:
    return tuple(Span(*span) for span in data)


def _refuse_odd(session: Session) -> None:
    """ValueError where a text is not a string, a number names no document, or a span lies outside
    its text; InvalidFile where a signed text is not the one that was signed."""
    documents = session.documents
    texts = [session.source, session.label, *(t for d in documents for t in (d.ai_draft, d.text))]
    if not all(isinstance(t, str) for t in (*texts, *(d.at for d in documents))):
        raise ValueError
    if not all(isinstance(n, int) for n in (session.number, *(d.adds_to for d in documents))):
        raise ValueError
    if session.number not in range(bool(documents), len(documents) + 1):
        raise ValueError
    for number, document in enumerate(documents, 1):
        _refuse_odd_document(session.source, document)
        added_to = document.adds_to and documents[document.adds_to - 1]
        if document.adds_to not in range(number) or (added_to and not added_to.signature):
            raise ValueError


def _refuse_odd_document(source: str, document: Document) -> None:
    signature = document.signature
    if signature and signature.digest != sha256(document.text.encode()).hexdigest():
        raise InvalidFile(
            "a signed text of this session is not the text that was signed",
            "restore a copy of the file from a backup",
        )
    if document.review is None:
        return
    for claim in document.review.claims:
        flags = claim.flags
        _refuse_outside([claim.draft, *(f.draft for f in flags)], document.text)
        _refuse_outside([*claim.evidence, *(s for f in flags for s in f.source)], source)
    _refuse_outside([o.source for o in document.review.omissions], source)
    for line in document.review.vital:
        _refuse_outside(list(line.source), source)
        _refuse_outside(list(line.draft), document.text)


def _refuse_outside(spans: list[Span], text: str) -> None:
    for span in spans:
        if not 0 <= span.start <= span.end <= len(text):
            raise ValueError
