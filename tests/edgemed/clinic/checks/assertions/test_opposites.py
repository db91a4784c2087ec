"""A sentence of the source with the opposite word in it, and the words that a denial needs."""

import pytest

from edgemed.clinic.checks import flags
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read


def found(source: str, draft: str) -> list[tuple[str, str]]:
    there = Source(source)
    return [(flag.check, flag.reason) for said in read(draft) for flag in flags(said, there)]


HOME = "Patient: When we got home from the visit, I felt a lot better."
SALT = "You need to follow a low salt diet at home, every day."


@pytest.mark.parametrize(
    ("check", "source", "right", "wrong"),
    [
        ("trend", HOME, "When he got home he felt better.", "When he got home he felt worse."),
        (
            "trend",
            "His breathing has not gotten worse since that happened.",
            "His breathing has not gotten worse since then.",
            "His breathing has not gotten better since that happened.",
        ),
        ("level", SALT, "Follow a low salt diet at home.", "Follow a high salt diet at home."),
        (
            "level",
            "My potassium test: hyperkalemia.",
            "The potassium is high.",
            "The potassium is normal.",
        ),
        (
            "status",
            "I want you to stop your basketball training this season.",
            "Stop basketball training this season.",
            "Continue basketball training this season.",
        ),
    ],
)
def test_the_opposite_word_is_flagged_and_the_same_one_is_not(
    check: str, source: str, right: str, wrong: str
) -> None:
    assert check in {c for c, _ in found(source, wrong)}
    assert not found(source, right)


def test_a_finding_names_both_words() -> None:
    ((check, reason),) = found(HOME, "When he got home from the visit he felt a lot worse.")
    assert check == "trend"
    assert "worse" in reason and "better" in reason


def test_nothing_is_said_where_the_source_says_both() -> None:
    assert not found(
        "The knee pain was better with rest in the morning. The knee pain was worse at night.",
        "The knee pain was better with rest in the morning.",
    )


@pytest.mark.parametrize(
    "draft",
    ["He is taking any drug for allergies.", "She has ever used a cane.", "It helps at all."],
)
def test_words_that_only_a_denial_has_point_to_a_lost_one(draft: str) -> None:
    source = "He takes no drug for allergies. She used a cane. It helps."
    assert any("a negation may be lost" in reason for _, reason in found(source, draft))


@pytest.mark.parametrize(
    "draft",
    [
        "He takes it at all times.",
        "It is the best he has ever felt.",
        "Call with any questions.",
        "She was advised to take any tablet with food.",
    ],
)
def test_the_same_words_without_a_denial_behind_them(draft: str) -> None:
    assert not any("may be lost" in reason for _, reason in found(draft, draft))
