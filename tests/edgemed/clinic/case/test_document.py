"""A line of a document is changed, and nothing else of it."""

import pytest

from edgemed.clinic.case.document import with_line


@pytest.mark.parametrize(
    ("text", "number", "words", "after"),
    [
        ("One.\nTwo.\n", 1, "Mine.", "Mine.\nTwo.\n"),
        ("One.\nTwo.", 2, "Mine.", "One.\nMine."),
        ("One.\u2028Two.\r\n\nFour.", 1, "Mine.", "Mine.\u2028Two.\r\n\nFour."),
        ("One.\u2028Two.\r\n\nFour.", 2, "Mine.", "One.\u2028Mine.\r\n\nFour."),
        ("One.\n\nThree.\n", 2, "Mine.", "One.\nMine.\nThree.\n"),
        ("One.\n\nThree.\n", 2, "", "One.\nThree.\n"),
        ("One.\nTwo.", 1, "", "Two."),
        ("One.", 1, "", ""),
    ],
)
def test_a_line_is_changed_or_goes_and_the_others_keep_their_bytes(
    text: str, number: int, words: str, after: str
) -> None:
    assert with_line(text, number, words) == after
