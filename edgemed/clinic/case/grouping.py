"""The order in which findings are settled: a few singly, the rest in groups, most harmful first.

The groups are those of one kind: a check, or a kind of fact that the draft leaves out.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from edgemed.clinic.case.session import Finding, Session, dismissal_of, findings
from edgemed.clinic.findings import Omission
from edgemed.clinic.reviewing.ranking import FIRST

DISMISSED = "Dismissed"


class Group(NamedTuple):
    """Findings of one kind, and what the kind is called."""

    name: str
    findings: tuple[Finding, ...]

    @property
    def major(self) -> bool:
        """Whether one of them is major."""
        return any(finding.severity == "major" for finding in self.findings)


def grouped(session: Session) -> tuple[Group, ...]:
    """The first few open findings, in a group without a name, groups by harm, and the dismissed."""
    every = findings(session)
    still_open = [f for f in every if dismissal_of(session, f) is None]
    gone = tuple(f for f in every if dismissal_of(session, f) is not None)
    first, rest = still_open[:FIRST], still_open[FIRST:]
    groups = [Group("", tuple(first)), *by_harm(rest, every), Group(DISMISSED, gone)]
    return tuple(group for group in groups if group.findings)


def first(session: Session) -> dict[int, Finding]:
    """The open findings to look at first, by their number among all: dismissing changes none."""
    every = enumerate(findings(session), 1)
    still_open = ((n, f) for n, f in every if dismissal_of(session, f) is None)
    return dict(islice(still_open, FIRST))


def by_harm(found: Sequence[Finding], every: Sequence[Finding]) -> list[Group]:
    """Groups of one kind: those with a major finding first, what is left out after the flags.

    Their order depends on `every` finding, dismissed ones too, so that none moves in the meantime.
    """
    kinds: dict[str, list[Finding]] = {}
    for finding in every:
        kinds.setdefault(kind_of(finding), []).append(finding)
    whole = [Group(name, tuple(members)) for name, members in kinds.items()]
    whole.sort(key=lambda g: (not g.major, isinstance(g.findings[0], Omission)))
    groups = (Group(g.name, tuple(f for f in found if kind_of(f) == g.name)) for g in whole)
    return [group for group in groups if group.findings]


def kind_of(finding: Finding) -> str:
    """What its group is called."""
    if isinstance(finding, Omission):
        return f"{finding.kind.capitalize()} left out"
    return finding.check.capitalize()
