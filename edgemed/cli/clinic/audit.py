"""`edgemed audit verify|export|drafts|seal`: check the log of who did what, and print it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgemed.amounts import amount
from edgemed.cli.terminal.printing import print_json
from edgemed.logs import audit, seals
from edgemed.logs.audit import Entry, LogFiles, LogState
from edgemed.logs.drafts import RecordedDraft, drafts
from edgemed.printable import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser(
        "verify", help="check every row, the records, the order and the seal", epilog=seals.CAUTION
    )
    verify.add_argument("--seal", metavar="SEAL", help="a seal kept elsewhere: a file, or N:HEX")
    export = actions.add_parser("export", help="print the rows as JSON lines, the seal on stderr")
    listed = actions.add_parser("drafts", help="list what was drafted, with what, and when")
    listed.add_argument("--note", type=Path, metavar="NOTE", help="only drafts of this note")
    listed.add_argument("--json", action="store_true", help="print JSON lines, with all settings")
    seal = actions.add_parser("seal", help="keep a seal elsewhere, for example on a stick")
    seal.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="the folder for it (default: the one stick plugged in)",
    )
    seal.add_argument("--who", default="not named", metavar="NAME", help="who keeps the seal")
    for action in (verify, export, listed, seal):
        action.add_argument("--log", type=Path, metavar="FILE", help="a log other than your own")
        action.add_argument("--key", type=Path, metavar="FILE", help="the key of that log")
    verify.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Returns 0 if nothing is wrong, 3 if the log is not as it was written."""
    place = place_of(args)
    if args.action == "export":
        return export(place)
    if args.action == "drafts":
        return list_drafts(place, args.note, args.json)
    if args.action == "seal":
        return keep_seal(place, args.to, args.who)
    kept = seals.seal_from(args.seal) if args.seal else None
    log = audit.verify(place, kept)
    if args.json:
        print_json(as_data(log))
    else:
        tell(log, kept)
        if not log.faults and (due := seals.reminder(place, audit.now())):
            print(f"Note: {due}")
    return 3 if log.faults else 0


def as_data(log: LogState) -> dict[str, Any]:
    """The state of the log as JSON."""
    return {
        "entries": log.entries,
        "seal": str(log.seal),
        "faults": log.faults,
        "notes": log.notes,
    }


def tell(log: LogState, kept: audit.Seal | None) -> None:
    """Print the state of the log."""
    for fault in log.faults:
        print(f"FAULT: {printable(fault)}")
    for note in log.notes:
        print(f"Note: {printable(note)}")
    state = "is not as it was written" if log.faults else "is as it was written"
    print(f"The log of {amount(log.entries, 'entry', 'entries')} {state}. Seal: {log.seal}")
    if log.faults:
        print("Keep the files as they are, and find out who had access.")
        print(
            "To continue working, move log, key and seal to another folder: a new log will start."
        )
    elif kept is None:
        print(seals.CAUTION)
    else:
        print(f"It still holds row {kept.number}, which the given seal names, and all rows before.")


def export(place: LogFiles) -> int:
    """Print the rows on stdout, one JSON object per line, and the seal on stderr."""
    rows = audit.read(place) if place.log.exists() else []
    for row in rows:
        entry = row._asdict() | {"facts": facts_of(row), "mac": row.mac.hex()}
        print_json(entry, indent=None)
    if rows:
        last = audit.Seal(rows[-1].number, rows[-1].mac)
        print(f"seal to keep elsewhere: {last}", file=sys.stderr)
        return 0
    return nothing(place, "the log has no rows")


def nothing(place: LogFiles, words: str) -> int:
    """Say that nothing was found. If the log was removed or cut: its faults, and exit code 3."""
    faults = audit.verify(place).faults
    for line in (words, *(f"FAULT: {printable(fault)}" for fault in faults)):
        print(line, file=sys.stderr)
    return 3 if faults else 0


def list_drafts(place: LogFiles, note: Path | None, as_json: bool) -> int:
    """Drafts to stdout, one per line; with `note`, only its drafts, found by its keyed hash."""
    found = list(drafts(place, texts_of(note) if note else ()))
    if not found:
        return nothing(place, f"no draft {'of this note ' if note else ''}is recorded")
    for draft in found:
        if as_json:
            print_json(asdict(draft), indent=None)
        else:
            print(printable(line_of(draft)))
    return 0


def texts_of(note: Path) -> tuple[str, ...]:
    """A note as the command line hashes it, and as the screen does: with other line ends."""
    from edgemed.clinic.case.session import opened
    from edgemed.clinic.note import read_note

    text = read_note(note).text
    return text, opened(text).source


def line_of(draft: RecordedDraft) -> str:
    """A draft on one line: when, by which template and model, how it ended, for whom."""
    kept = ", note and draft kept" if draft.kept else ""
    who = f", {draft.who}" if draft.who else ""
    words = (draft.template, "by", draft.model, draft.model_hash[:12])
    what = " ".join(word for word in words if word)
    return f"row {draft.row}: {draft.at}, {what}: {draft.ending}{who}{kept}"


def facts_of(row: Entry) -> Any:
    """A row's facts; as text if somebody has changed them to something that is not JSON."""
    try:
        return json.loads(row.facts)
    except (ValueError, RecursionError):
        return row.facts


def keep_seal(place: LogFiles, to: Path | None, who: str) -> int:
    """Write a seal to another place, and print how to check the log against it."""
    path = seals.keep(place, to or seals.only_medium(), who, audit.now())
    print(f"seal kept: {path}")
    print(f"check the log against it: edgemed audit verify --seal {path}", file=sys.stderr)
    if seals.on_this_disk(place, path):
        print("note: the seal is on the log's own disk: keep a copy on a stick", file=sys.stderr)
    if others := seals.others_in(path.parent, path):
        print(f"note: also there: {amount(others, 'seal')} of other logs", file=sys.stderr)
    return 0


def place_of(args: argparse.Namespace) -> LogFiles:
    """The user's own log, or the files given as options; the seal is in the key's folder."""
    own = audit.default_place()
    key = args.key or own.key
    return LogFiles(args.log or own.log, key, key.with_suffix(".seal"))
