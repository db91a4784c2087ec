"""`edgemed tui [NOTE]`, or just `edgemed`: opens the screen."""

import argparse
import os
import sys
from pathlib import Path

from edgemed.cli.options.models import configure_model, options_of
from edgemed.clinic.note import read_note
from edgemed.errors import UsageError

# Textual reads these when it is imported; each of them writes the screen's contents to the disk.
LEAKS = (
    "TEXTUAL_LOG",
    "TEXTUAL_SCREENSHOT",
    "TEXTUAL_SCREENSHOT_LOCATION",
    "TEXTUAL_DEBUG",
    "TEXTUAL",
)

OPENED = "a note to open (its name here is visible to other users; one opened on the screen is not)"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed tui`."""
    add = parser.add_argument
    add("note", nargs="?", type=Path, metavar="NOTE", help=OPENED)
    add("--plain", action="store_true", help="line by line, for screen readers")
    configure_model(parser)


def run(args: argparse.Namespace) -> int:
    """Open the screen; returns its exit code."""
    if not args.plain:
        refuse_no_terminal()
    note = read_note(args.note).text if args.note else None
    close_leaks()
    from edgemed_tui.app import start

    return start(args.model, options_of(args), note, plain=args.plain)


def refuse_no_terminal() -> None:
    """UsageError if there is no terminal to draw on, or to read keys from."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None or not stream.isatty():
            raise UsageError(
                f"the screen needs a terminal, and standard {name} is none",
                "open a terminal, or use --plain, which reads and writes line by line",
            )


def close_leaks() -> None:
    """Remove the variables that would make Textual write the screen to the disk."""
    for name in LEAKS:
        os.environ.pop(name, None)
