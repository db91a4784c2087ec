"""The sign before the line above a text."""

import pytest
from edgemed_tui.widgets.verdict_line import sign

from edgemed.clinic.case.session import Session
from edgemed.clinic.case.verdict import verdict
from tests.edgemed.clinic.case.test_verdict import flag, reviewed

MAJOR, MINOR = flag("dose", "major", 0), flag("wording", "minor", 3)


@pytest.mark.parametrize(
    ("session", "shown"),
    [
        (reviewed(MINOR), "△"),
        (reviewed(MAJOR, MINOR), "▲"),
        (reviewed(MINOR, cut=True), "▲"),
        (reviewed(cut=True), "▲"),
        (reviewed(), "·"),
    ],
)
def test_the_sign_is_that_of_the_gravest_open_finding(session: Session, shown: str) -> None:
    assert sign(session, verdict(session)) == shown
