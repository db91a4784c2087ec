"""A signed document as a file: plain text, Markdown, or JSON with the evidence of every sentence.

The text is exported character for character; in Markdown it is in a fenced block, so that no
character counts as formatting. Refuses unsigned and demonstration text.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgemed.amounts import amount
from edgemed.clinic.case.document import Document, Origin, Signature
from edgemed.clinic.case.session import (
    Session,
    added_to,
    dismissal_of,
    key_of,
    open_findings,
    quoted,
)
from edgemed.clinic.case.signing import why_not_given_out
from edgemed.clinic.findings import SAYS, Addressed, Claim, Flag, Omission, Span, Vital
from edgemed.clinic.reviewing.counting import all_of, counted
from edgemed.clinic.reviewing.usable import whole
from edgemed.errors import EdgemedError, UsageError
from edgemed.storage.names import refuse_odd_name
from edgemed.storage.whole import write_new


def as_text(session: Session) -> str:
    """The signed text and one line that says who signed it; an addendum says what it adds to."""
    signature, base = _given_out(session), added_to(session)
    head = f"{heading(base)}\n\n" if base else ""
    return f"{head}{session.text.rstrip()}\n\n{attestation(signature, cut=session.cut)}\n"


def as_markdown(session: Session) -> str:
    """The signed text in a fence longer than any run of backticks in it."""
    signature = _given_out(session)
    fence = "`" * max(3, 1 + _longest_run(session.text, "`"))
    body = session.text.rstrip()
    base = added_to(session)
    head = f"# Addendum\n\n{heading(base)}" if base else "# Summary"
    return f"{head}\n\n{fence}text\n{body}\n{fence}\n\n{attestation(signature, cut=session.cut)}\n"


def as_json(session: Session) -> str:
    """Text, signature, origin, every sentence with its evidence and flags, the omissions, the
    places in the source that address the model, and the vital check."""
    return json.dumps(as_data(session), indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Session], str]] = {
    ".txt": as_text,
    ".md": as_markdown,
    ".json": as_json,
}


def write(session: Session, path: Path, log: Callable[[str], object]) -> Path:
    """Write the signed summary to `path` in the format that its ending names.

    `log` is called with "export" just before the file is written, and may refuse; then with
    "export failed" if the file could not be written. A file is written whole or not at all, with
    mode 0600, and never replaces another.
    """
    render = FORMATS.get(path.suffix.lower())
    if render is None:
        raise UsageError(
            f"there is no export format for {path.suffix or 'a file without an ending'}",
            f"end the file name in one of: {', '.join(FORMATS)}",
        )
    content = render(session).encode()
    refuse_odd_name(path, "the file")
    if os.path.lexists(path):
        raise EdgemedError("a file with that name exists", "choose another name")
    if not _is_folder(path.parent):
        raise EdgemedError("there is no such folder", "make it, or choose another folder")
    log("export")
    try:
        write_new(path, content)
    except OSError as error:
        with suppress(EdgemedError):  # the error about the file is the one to report
            log("export failed")
        if isinstance(error, FileExistsError):
            raise EdgemedError("a file with that name exists", "choose another name") from error
        raise EdgemedError(
            f"the file could not be written: {error.strerror}",
            "free some disk space, or choose another folder",
        ) from error
    return path


def _is_folder(path: Path) -> bool:
    """Whether there is such a folder that can be seen."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no permission to look there, or no possible name of a folder
        return False


def attestation(signature: Signature, *, cut: bool = False) -> str:
    """Who signed, when, what was left open, and whether the draft was cut."""
    line = f"Signed by {signature.by}, {signature.at}."
    if cut:
        line += " The model's draft was cut: its end is missing."
    if signature.open:
        count = len(signature.open)
        line += f" {amount(count, 'major finding')} {'was' if count == 1 else 'were'} open."
    if signature.reason:
        line += f" Signed anyway because: {signature.reason}"
    return line


def heading(base: Document) -> str:
    """The line above an addendum to the signed document `base`."""
    assert base.signature is not None
    return f"Addendum to the text that {base.signature.by} signed, {base.signature.at}."


def as_data(session: Session) -> dict[str, Any]:
    """The exported record; spans count characters of `source` and `text`."""
    signature, review = _given_out(session), session.review
    assert review is not None
    return {
        "text": session.text,
        "signature": {
            "by": signature.by,
            "at": signature.at,
            "sha256": signature.digest,
            "reason": signature.reason,
        },
        "origin": _origin(session, session.origin) if session.origin else None,
        "adds_to": _added_to(added_to(session)),
        "source": session.source,
        "claims": [_claim(session, claim) for claim in review.claims],
        "unusable": list(review.unusable),
        "whole": [_flag(session, flag) for flag in filter(None, (whole(review),))],
        "counts": counted(all_of(review))._asdict(),
        "open": counted(open_findings(session))._asdict(),
        "omissions": [_omission(session, omission) for omission in review.omissions],
        "addressed": [_addressed(session, place) for place in review.addressed],
        "vital": [_vital(session, line) for line in review.vital],
    }


def _origin(session: Session, origin: Origin) -> dict[str, Any]:
    return {
        "model": origin.model,
        "model_hash": origin.model_hash,
        "template": origin.template,
        "template_hash": origin.template_hash,
        "settings": dict(origin.settings),
        "draft": session.ai_draft,
        "cut": session.cut,
    }


def _added_to(base: Document | None) -> dict[str, str] | None:
    """The signed text that an addendum adds to."""
    if base is None or base.signature is None:
        return None
    signature = base.signature
    return {"by": signature.by, "at": signature.at, "sha256": signature.digest}


def _claim(session: Session, claim: Claim) -> dict[str, Any]:
    return {
        "span": list(claim.draft),
        "words": quoted(session.text, claim.draft),
        "label": claim.label,
        "missing": list(claim.missing),
        "evidence": [_evidence(session, span) for span in claim.evidence],
        "flags": [_flag(session, flag) for flag in claim.flags],
    }


def _flag(session: Session, flag: Flag) -> dict[str, Any]:
    return {
        "check": flag.check,
        "severity": flag.severity,
        "label": flag.label,
        "reason": flag.reason,
        "span": list(flag.draft),
        "source": [_evidence(session, span) for span in flag.source],
        "dismissed": _dismissal(session, flag),
    }


def _omission(session: Session, omission: Omission) -> dict[str, Any]:
    return {
        "kind": omission.kind,
        "name": omission.name,
        "severity": omission.severity,
        "reason": omission.reason,
        "source": _evidence(session, omission.source),
        "dismissed": _dismissal(session, omission),
    }


def _addressed(session: Session, place: Addressed) -> dict[str, Any]:
    return {"kind": place.kind, "says": SAYS[place.kind], **_evidence(session, place.span)}


def _vital(session: Session, line: Vital) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "lack": line.lack,
        "items": list(line.items),
        "source": [_evidence(session, span) for span in line.source],
        "text": [{"span": list(s), "words": quoted(session.text, s)} for s in line.draft],
    }


def _dismissal(session: Session, finding: Flag | Omission) -> dict[str, str] | None:
    entry = dismissal_of(session, finding)
    assert entry is None or entry.key == key_of(session, finding)
    return None if entry is None else {"reason": entry.reason, "words": entry.words, "at": entry.at}


def _evidence(session: Session, span: Span) -> dict[str, Any]:
    return {"span": list(span), "words": quoted(session.source, span)}


def _given_out(session: Session) -> Signature:
    refusal = why_not_given_out(session)
    if refusal is not None:
        raise refusal
    assert session.signature is not None
    return session.signature


def _longest_run(text: str, character: str) -> int:
    longest = run = 0
    for c in text:
        run = run + 1 if c == character else 0
        longest = max(longest, run)
    return longest
