"""`edgemed check-draft NOTE DRAFT`: compare a draft with its note, claim by claim.

Prints what to look at; changes neither file. A claim without a flag is not proven right.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgemed.cli.options.fail_on import FLAGGED, add_fail_on, fails
from edgemed.cli.terminal.printing import print_json
from edgemed.clinic.findings import SAYS, Claim, Flag, Label, Omission, Review, Span, Vital
from edgemed.clinic.note import decode, read_note, read_piped
from edgemed.clinic.reading.addressed_shown import told
from edgemed.clinic.reviewing.counting import all_of, counted
from edgemed.clinic.reviewing.ranking import first_then_rest
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.reviewing.usable import above
from edgemed.clinic.vital.shown import TITLE, vital_lines
from edgemed.errors import EdgemedError, UsageError
from edgemed.storage.bounded import read_bounded, read_stream

STDIN = "-"
STDIN_TOO = "or - for standard input (other users can see a file's name)"
SHOWN_PARTLY = 12  # claims partly supported, in the printed form; --json has all
ORDER: tuple[Label, ...] = (
    "contradicted", "not found", "partly supported", "supported", "nothing to compare",
    "not checked",
)  # fmt: skip
SHOWN_OMISSIONS = 12  # of minor severity, in the printed form; --json has all
SHOWN_WORDS = 160  # characters of a possible instruction to the model, in the printed form


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `edgemed check-draft`."""
    add = parser.add_argument
    add("note", metavar="NOTE", help=f"a file with the note or transcript, {STDIN_TOO}")
    add("draft", metavar="DRAFT", help="a file with the draft made from it, or - as well")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_fail_on(parser)


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 whatever is flagged, unless --fail-on says otherwise."""
    if args.note == args.draft == STDIN:
        raise UsageError(
            "note and draft cannot both come from standard input",
            "give at least one of the two as a file",
        )
    note = read_piped(sys.stdin.buffer) if args.note == STDIN else read_note(Path(args.note))
    source, draft = note.text, read_draft(args.draft)
    found = review(source, draft)
    if args.json:
        print_json(as_data(found, source, draft))
    else:
        for line in report(found, source, draft):
            print(line)
    return FLAGGED if fails(found, args.fail_on) else 0


def read_draft(name: str) -> str:
    """The draft's text, from a file or standard input; shorter than a note may be."""
    try:
        if name == STDIN:
            return decode(read_stream(sys.stdin.buffer, "draft", "the draft"))[0]
        return decode(read_bounded(Path(name), "draft", "the draft file"))[0]
    except OSError as error:
        raise EdgemedError(f"cannot read the draft: {error.strerror}", "check its path") from None


def report(found: Review, source: str, draft: str) -> Iterator[str]:
    """The flags, the omissions, possible instructions to the model, and last the vital check."""
    flagged = [claim for claim in found.claims if claim.flags]
    if found.unusable:
        yield above(found.unusable)
    yield f"{len(flagged)} of {len(found.claims)} claims flagged{_counted(found)}"
    yield f"findings: {counted(all_of(found)).words}"
    first, rest = first_then_rest(flag for claim in flagged for flag in claim.flags)
    if rest:
        yield ""
        yield "look at these first:"
        yield from (f"    {one_line(draft, f.draft)}: {f.reason}" for f in first)
    for claim in flagged:
        yield ""
        yield f"  {one_line(draft, claim.draft)}"
        for flag in claim.flags:
            yield f"    {flag.severity}, {flag.label}: {flag.reason}"
            yield from (f"      note: {one_line(source, s)}" for s in where(flag, claim))
    yield from _partly(found, draft)
    if found.omissions:
        yield ""
        yield "in the note, not in the draft:"
        yield from _omitted(found.omissions)
    if found.addressed:
        yield ""
        yield "in the note, for you to judge: text that may speak to the model:"
        for place, words in zip(found.addressed, told(source, found.addressed), strict=True):
            yield f"    {words}"
            yield f"      note: {clipped(one_line(source, place.span))}"
    if lines := vital_lines(found):
        yield ""
        yield f"{TITLE.lower()}:"
        yield from (f"    {line}" for line in lines)


def _counted(found: Review) -> str:
    """How many claims have each label, after a colon; nothing if there are no claims."""
    counts = Counter(claim.label for claim in found.claims)
    words = ", ".join(f"{counts[label]} {label}" for label in ORDER if counts[label])
    return f": {words}" if words else ""


def _partly(found: Review, draft: str) -> Iterator[str]:
    """Claims without flags of which something was not found, and what."""
    partly = [claim for claim in found.claims if claim.missing and not claim.flags]
    if not partly:
        return
    yield ""
    yield "not flagged, and not all of it found:"
    for claim in partly[:SHOWN_PARTLY]:
        yield f"    {clipped(one_line(draft, claim.draft))} ({claim.says})"
    if len(partly) > SHOWN_PARTLY:
        yield f"    and {len(partly) - SHOWN_PARTLY} more"


def where(flag: Flag, claim: Claim) -> tuple[Span, ...]:
    """Source spans that bear on a flag; without any, the claim's best."""
    return (flag.source or claim.evidence)[:2]


def _omitted(omissions: tuple[Omission, ...]) -> Iterator[str]:
    """All major omissions, and the first of the minor ones."""
    minor = [o for o in omissions if o.severity == "minor"]
    for omission in (o for o in omissions if o.severity == "major"):
        yield f"    major, {omission.reason}"
    for omission in minor[:SHOWN_OMISSIONS]:
        yield f"    minor, {omission.reason}"
    if len(minor) > SHOWN_OMISSIONS:
        yield f"    and {len(minor) - SHOWN_OMISSIONS} more of minor severity"


def clipped(words: str) -> str:
    """The beginning of a text that is too long for a line or two."""
    return words if len(words) <= SHOWN_WORDS else f"{words[:SHOWN_WORDS]} [...]"


def one_line(text: str, span: Span) -> str:
    """The characters of a span, with white space collapsed."""
    return " ".join(text[span.start : span.end].split())


def as_data(found: Review, source: str, draft: str) -> dict[str, Any]:
    """The review as JSON data: offsets count characters of the decoded files."""
    return {
        "claims": [_claim(claim, draft) for claim in found.claims],
        "omissions": [
            {
                "kind": o.kind,
                "name": o.name,
                "severity": o.severity,
                "reason": o.reason,
                "source": list(o.source),
            }
            for o in found.omissions
        ],
        "addressed": [
            {"kind": place.kind, "says": SAYS[place.kind], "source": list(place.span)}
            for place in found.addressed
        ],
        "unusable": list(found.unusable),
        "vital": [_vital(line) for line in found.vital],
        "counts": counted(all_of(found))._asdict(),
        "characters": {"source": len(source), "draft": len(draft)},
    }


def _claim(claim: Claim, draft: str) -> dict[str, Any]:
    return {
        "text": draft[claim.draft.start : claim.draft.end],
        "draft": list(claim.draft),
        "label": claim.label,
        "missing": list(claim.missing),
        "evidence": [list(span) for span in claim.evidence],
        "flags": [_flag(flag) for flag in claim.flags],
    }


def _vital(line: Vital) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "lack": line.lack,
        "items": list(line.items),
        "source": [list(span) for span in line.source],
        "draft": [list(span) for span in line.draft],
    }


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "check": flag.check,
        "label": flag.label,
        "severity": flag.severity,
        "reason": flag.reason,
        "draft": list(flag.draft),
        "source": [list(span) for span in flag.source],
    }
