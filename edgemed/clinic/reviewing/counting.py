"""Counts findings by severity, and how many of each are about something left out."""

from collections.abc import Iterable
from typing import NamedTuple

from edgemed.clinic.findings import Flag, Omission, Review
from edgemed.clinic.reviewing.usable import whole


class Counts(NamedTuple):
    """Findings by severity, and how many of each are about something that the draft leaves out."""

    major: int = 0
    minor: int = 0
    major_left_out: int = 0
    minor_left_out: int = 0

    @property
    def words(self) -> str:
        """Such as "3 major (1 left out), 2 minor"; "none" where there is nothing."""
        parts = [
            f"{count} {severity}{f' ({left_out} left out)' if left_out else ''}"
            for severity, count, left_out in (
                ("major", self.major, self.major_left_out),
                ("minor", self.minor, self.minor_left_out),
            )
            if count
        ]
        return ", ".join(parts) or "none"


def counted(findings: Iterable[Flag | Omission]) -> Counts:
    """The counts of these findings."""
    found = list(findings)
    left_out = [f for f in found if isinstance(f, Omission)]
    return Counts(
        sum(f.severity == "major" for f in found),
        sum(f.severity == "minor" for f in found),
        sum(f.severity == "major" for f in left_out),
        sum(f.severity == "minor" for f in left_out),
    )


def all_of(review: Review) -> list[Flag | Omission]:
    """Every finding of a review, that of the draft as a whole first."""
    return [*flags_of(review), *review.omissions]


def flags_of(review: Review) -> list[Flag]:
    """Every flag of a review: of the draft as a whole, then of its claims."""
    of_all = whole(review)
    flags = [flag for claim in review.claims for flag in claim.flags]
    return flags if of_all is None else [of_all, *flags]
