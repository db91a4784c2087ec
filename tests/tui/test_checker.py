"""The check in its own process: the same review, and a process that dies is replaced."""

from collections.abc import Iterator

import pytest
from edgemed_tui.checker import CheckBroke, Checker

from edgemed.clinic.reviewing.review import review
from tests.tui.scripted import DRAFT, NOTE


@pytest.fixture
def checker() -> Iterator[Checker]:
    made = Checker()
    yield made
    made.close()


def test_the_review_is_the_same_as_without_a_process(checker: Checker) -> None:
    assert checker(NOTE, DRAFT) == review(NOTE, DRAFT)


def test_a_note_read_ahead_is_checked_the_same_and_another_note_as_well(checker: Checker) -> None:
    checker.read(NOTE)
    assert checker(NOTE, DRAFT) == review(NOTE, DRAFT)
    assert checker("No complaints.", DRAFT) == review("No complaints.", DRAFT)


def test_a_process_that_died_is_an_error_once_and_then_replaced(checker: Checker) -> None:
    checker(NOTE, DRAFT)
    assert checker._process is not None
    checker._process.kill()
    with pytest.raises(CheckBroke, match="checking process ended"):
        checker(NOTE, DRAFT)
    assert checker(NOTE, DRAFT).claims


def test_an_error_names_type_and_place_and_no_text(checker: Checker) -> None:
    with pytest.raises(CheckBroke, match=r"Error in \w+\.py, line \d+") as caught:
        checker(b"secret words", DRAFT)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
