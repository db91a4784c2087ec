"""`--fail-on`: for scripts, an exit code that says that a draft has flags."""

import argparse

from edgemed.clinic.findings import Review

FLAGGED = 3  # exit code


def add_fail_on(parser: argparse.ArgumentParser) -> None:
    """The option; without it flags change no exit code."""
    parser.add_argument(
        "--fail-on",
        choices=("major", "minor"),
        help=f"exit with code {FLAGGED} if a flag of this severity (or above) was raised; "
        "what a draft leaves out raises none",
    )


def fails(found: Review, severity: str | None) -> bool:
    """Whether a flag is as severe as asked; that the whole cannot be used is as severe as any."""
    if severity and found.unusable:
        return True
    flags = [flag for claim in found.claims for flag in claim.flags]
    if severity == "major":
        return any(flag.severity == "major" for flag in flags)
    return severity == "minor" and bool(flags)
