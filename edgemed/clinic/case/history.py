"""What the log records of a case: hashes, names of checks, listed reasons, what was drafted.

Text of the note, the draft or the clinician goes in only as a keyed hash (a mark). A draft leaves
the same row and the same record wherever it was made.
"""

from typing import Any

from edgemed_models.answer import Answer

from edgemed.clinic.case.document import Dismissal, FindingKey, Origin
from edgemed.clinic.case.session import (
    Finding,
    Session,
    added_to,
    dismissal_of,
    findings,
    key_of,
)
from edgemed.clinic.findings import Omission
from edgemed.logs.audit import Entry, Log
from edgemed.logs.records import Drafted, KeptText

NOBODY = "not named"  # the name in the log until somebody has signed


def drafted(
    log: Log,
    note: str,
    text: str,
    answer: Answer,
    origin: Origin,
    who: str,
    at: str,
    kept: KeptText | None = None,
) -> Entry:
    """A draft was written: by what, from which note, and how it ended. `text`: as it is read."""
    row = Drafted(
        note=note,
        draft=text,
        model=origin.model,
        model_hash=origin.model_hash,
        template=origin.template,
        template_hash=origin.template_hash,
        settings=dict(origin.settings),
        ending=answer.ending,
        timings=answer.timings,
    )
    return log.add_draft(row, who, at, kept)


def dismissed(log: Log, session: Session, finding: Finding, who: str, at: str) -> Entry:
    """A finding was set aside, with its listed reason; own words as a mark."""
    entry = dismissal_of(session, finding)
    assert entry is not None
    facts = _finding(log, session, finding) | _reason(log, entry)
    return log.add("dismiss", who, at, {"note": log.mark(session.source), **facts})


def restored(log: Log, session: Session, finding: Finding, who: str, at: str) -> Entry:
    """A dismissal was taken back."""
    facts = _finding(log, session, finding)
    return log.add("restore", who, at, {"note": log.mark(session.source), **facts})


def signed(log: Log, session: Session, at: str) -> Entry:
    """The summary was signed: every finding as it stood, and what was left open."""
    signature = session.signature
    assert signature is not None
    still_open = set(signature.open)
    facts = {
        "note": log.mark(session.source),
        "text": log.mark(session.text),
        "draft": log.mark(session.ai_draft),
        "edited": session.text != session.ai_draft,
        "findings": [_stand(log, session, f, still_open) for f in findings(session)],
        "reason": log.mark(signature.reason) if signature.reason else "",
    }
    if (base := added_to(session)) is not None:
        facts["adds to"] = log.mark(base.text)
    return log.add("sign", signature.by, at, facts)


def given_out(
    log: Log, session: Session, way: str, who: str, at: str, what: str = "export"
) -> Entry:
    """Signed text is about to leave the session: to a file of format `way`, or to the clipboard.

    If it did not after all, the next row says so: its `what` is "export failed".
    """
    facts = {"note": log.mark(session.source), "text": log.mark(session.text), "way": way}
    return log.add(what, who, at, facts)


def _stand(
    log: Log, session: Session, finding: Finding, still_open: set[FindingKey]
) -> dict[str, Any]:
    entry = dismissal_of(session, finding)
    facts = _finding(log, session, finding)
    if entry is not None:
        return facts | _reason(log, entry)
    return facts | {"open": key_of(session, finding) in still_open}


def _finding(log: Log, session: Session, finding: Finding) -> dict[str, Any]:
    name = f"omission: {finding.kind}" if isinstance(finding, Omission) else finding.check
    mark = log.mark("\n".join(key_of(session, finding)))
    return {"check": name, "severity": finding.severity, "finding": mark}


def _reason(log: Log, entry: Dismissal) -> dict[str, str]:
    return {"reason": entry.reason, "words": log.mark(entry.words) if entry.words else ""}
