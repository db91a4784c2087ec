"""`--fail-on`: for scripts, an exit code that says that the check found something."""

import argparse

from edgemed.clinic.findings import Review
from edgemed.clinic.reviewing.counting import all_of, counted

FLAGGED = 3  # exit code


def add_fail_on(parser: argparse.ArgumentParser) -> None:
    """The option; without it findings change no exit code."""
    parser.add_argument(
        "--fail-on",
        choices=("major", "minor"),
        help=f"exit with code {FLAGGED} if there is a finding of this severity (or above), "
        "omissions included",
    )


def fails(found: Review, severity: str | None) -> bool:
    """Whether a finding is as severe as asked."""
    counts = counted(all_of(found))
    return bool(severity and (counts.major or (severity == "minor" and counts.minor)))
