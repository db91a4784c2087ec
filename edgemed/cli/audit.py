"""`edgemed audit verify|export`: is the log as it was written, and what stands in it."""

import argparse
import json
import sys
from pathlib import Path

from edgemed.cli.printing import print_json
from edgemed.logs import audit
from edgemed.logs.audit import Place
from edgemed.printable import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """The two things that can be done with the log."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="check every row, the order and the seal")
    verify.add_argument("--seal", metavar="N:HEX", help="a seal that was kept elsewhere")
    export = actions.add_parser("export", help="print the rows as JSON lines, the seal on stderr")
    for action in (verify, export):
        action.add_argument("--log", type=Path, metavar="FILE", help="another log than yours")
        action.add_argument("--key", type=Path, metavar="FILE", help="that log's key")
    verify.add_argument("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """0 when nothing was found; 3 when the log is not as it was written."""
    place = place_of(args)
    if args.action == "export":
        return export(place)
    verdict = audit.verify(place, audit.parse_seal(args.seal) if args.seal else None)
    if args.json:
        result = {"entries": verdict.entries, "seal": str(verdict.seal), "faults": verdict.faults}
        print_json(result)
    else:
        for fault in verdict.faults:
            print(f"FAULT: {printable(fault)}")
        state = "is not as it was written" if verdict.faults else "is as it was written"
        print(f"The log of {verdict.entries} entries {state}. Seal: {verdict.seal}")
        if verdict.faults:
            print("Keep the files as they are, and find out who had access.")
    return 3 if verdict.faults else 0


def export(place: Place) -> int:
    """Rows to stdout, one JSON object a line; the seal to keep elsewhere to stderr."""
    rows = audit.read(place) if place.log.exists() else []
    for row in rows:
        entry = row._asdict() | {"facts": json.loads(row.facts), "mac": row.mac.hex()}
        print_json(entry, indent=None)
    if rows:
        last = audit.Seal(rows[-1].number, rows[-1].mac)
        print(f"seal to keep elsewhere: {last}", file=sys.stderr)
    return 0


def place_of(args: argparse.Namespace) -> Place:
    """The user's own log, or the files that were named; a seal lies beside its key."""
    own = audit.default_place()
    key = args.key or own.key
    return Place(args.log or own.log, key, key.with_suffix(".seal"))
