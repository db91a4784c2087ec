"""The line above a text, how findings are counted, and in which groups they stand."""

from dataclasses import replace

import pytest

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import signing
from edgemed.clinic.case.document import Origin
from edgemed.clinic.case.grouping import grouped
from edgemed.clinic.case.session import Session
from edgemed.clinic.case.verdict import NOTHING, verdict
from edgemed.clinic.findings import Claim, Flag, Omission, Review, Severity, Span
from edgemed.clinic.reviewing.counting import Counts, all_of, counted
from edgemed.clinic.reviewing.review import review

NOTE = "Na 128 [L] K 5.9 [H]\nAllergies: penicillin\n"
DRAFT = "Sodium 182. Potassium 5.9. Stable."
WHEN = "2026-01-02T03:04:05+00:00"


def flag(check: str, severity: Severity, at: int) -> Flag:
    return Flag(check, "contradicted", severity, f"{check} {at}", Span(at, at + 2), (Span(0, 2),))


def left_out(kind: str, severity: Severity, number: int) -> Omission:
    return Omission(kind, severity, f"{kind} {number}", Span(number, number + 1))


def reviewed(*found: Flag | Omission, cut: bool = False, unusable: tuple[str, ...] = ()) -> Session:
    flags = tuple(f for f in found if isinstance(f, Flag))
    omissions = tuple(f for f in found if isinstance(f, Omission))
    claims = (Claim(Span(0, len(DRAFT)), "contradicted", (), flags),)
    drafted = steps.drafted(steps.opened(NOTE), Origin("m", "soap"), DRAFT, cut=cut)
    return steps.reviewed(drafted, DRAFT, Review(claims, omissions, (), unusable))


MANY = (
    *(flag("dose", "major", at) for at in (0, 1)),
    *(flag("wording", "minor", at) for at in (3, 4)),
    *(left_out("medication", "minor", n) for n in range(8)),
    left_out("allergy", "major", 9),
)


def test_findings_are_counted_by_severity_with_the_share_that_is_left_out() -> None:
    counts = counted(MANY)
    assert counts == Counts(3, 10, 1, 8)
    assert counts.words == "3 major (1 left out), 10 minor (8 left out)"
    assert counted([]).words == "none"
    review = reviewed(*MANY).review
    assert review is not None and counted(all_of(review)) == counts


@pytest.mark.parametrize(
    ("session", "kind", "words"),
    [
        (steps.opened(NOTE), "none", ""),
        (reviewed(), "clear", NOTHING),
        (reviewed(cut=True), "look", "Look: its end is missing"),
        (reviewed(flag("dose", "major", 0)), "look", "Look at 1 finding: 1 major"),
        (
            reviewed(*MANY),
            "look",
            "Look at findings 1, 2, 3 first: 3 major (1 left out), 10 minor (8 left out)",
        ),
        (
            reviewed(*MANY, unusable=("repeats itself",)),
            "unusable",
            "Not usable: repeats itself; another model is needed",
        ),
    ],
)
def test_the_verdict_says_how_it_stands(session: Session, kind: str, words: str) -> None:
    assert verdict(session) == (kind, words)


@pytest.mark.parametrize("words", ["There is a small nodule.", "He fell. A cast was applied."])
def test_a_sentence_or_two_of_which_the_note_says_nothing_is_said_so(words: str) -> None:
    found = review(NOTE, words)
    session = steps.drafted(steps.opened(NOTE), Origin("m", "soap"), words)
    said = verdict(steps.reviewed(session, words, found))
    assert said.kind == "look"
    assert ": nothing in it was found in the note, " in said.words
    both = f"{words} Potassium was 5.9."
    session = steps.drafted(steps.opened(NOTE), Origin("m", "soap"), both)
    assert "nothing in it" not in verdict(steps.reviewed(session, both, review(NOTE, both))).words


def test_a_verdict_follows_what_is_decided() -> None:
    one = reviewed(flag("dose", "major", 0))
    settled = steps.dismissed(one, steps.findings(one)[0], steps.REASONS[0], at=WHEN)
    assert verdict(settled).kind == "clear"
    signed = signing.signed(settled, "Dr A", at=WHEN)
    assert verdict(signed) == ("signed", "Signed by Dr A, 2026-01-02 03:04")
    assert verdict(steps.edited(one, "x")).kind == "checking"


def test_the_first_three_stand_alone_and_the_rest_in_groups_by_harm() -> None:
    groups = grouped(reviewed(*MANY))
    assert [f.reason for f in groups[0].findings] == ["dose 0", "dose 1", "allergy 9"]
    assert [(g.name, len(g.findings), g.major) for g in groups[1:]] == [
        ("Wording", 2, False),
        ("Medication left out", 8, False),
    ]


def test_what_is_dismissed_stands_last_and_the_next_takes_its_place() -> None:
    session = reviewed(*MANY)
    first = steps.findings(session)[0]
    groups = grouped(steps.dismissed(session, first, steps.REASONS[0], at=WHEN))
    assert groups[-1].name == "Dismissed" and groups[-1].findings == (first,)
    assert [f.severity for f in groups[0].findings] == ["major", "major", "minor"]
    assert grouped(replace(session, number=0)) == ()
