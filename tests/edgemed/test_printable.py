"""Which characters are shown as escapes, held against Unicode's own table."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.printable import ACTS, printable, printable_text

VISIBLE_FORMATS = {0x70F, 0x6DD, 0x8E2, 0x890, 0x891, 0x110BD, 0x110CD, *range(0x600, 0x606)}
"""Characters of category Cf that have a shape: signs around or under Arabic and other numbers."""

UNSEEN = "\u034f\u115f\u1160\u17b4\u180b\u3164\ufe0f\uffa0\U000e0100\U000e0fff\u2065\ufff0"
"""Invisible by Unicode's list of default ignorable characters, whatever their category."""


def test_every_control_format_and_surrogate_acts() -> None:
    for number in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(number))
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp") and number not in VISIBLE_FORMATS:
            assert bool(ACTS.match(chr(number))) == (chr(number) not in "\t\n"), hex(number)
        elif category[0] in "LNPSZ" and chr(number) not in UNSEEN:
            assert not ACTS.match(chr(number)) or number in (0x1160, 0x115F), hex(number)


@pytest.mark.parametrize("character", UNSEEN)
def test_what_nobody_sees_is_shown(character: str) -> None:
    assert printable(f"a{character}b") == printable_text(f"a{character}b") != f"a{character}b"


def test_clinical_text_stays_as_it_is() -> None:
    text = "Größe 5\u00a0mg\u2009×\u202f2, 37°C → «ok» 体温 درجة\r\n\t- α-blocker\n"
    assert printable_text(text) == text


def test_names_stand_on_one_line() -> None:
    assert printable("a\nb\tc\u00a0d\re") == r"a\nb\tc\xa0d\re"
    assert printable_text("a\rb\r\nc") == "a\\rb\r\nc"


@given(st.text())
def test_nothing_acts_and_what_is_printable_is_kept(text: str) -> None:
    assert not ACTS.search(printable(text)) and printable(text).isprintable()
    assert not ACTS.search(printable_text(text).replace("\r\n", "\n"))
    if text.isprintable() and not ACTS.search(text):
        assert printable(text) == printable_text(text) == text
