"""Answers that repeat themselves are ended; texts that people wrote never are."""

import re
from collections.abc import Sequence

import pytest
from edgemed_models.base import Done, Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.counting import Counting, counts
from edgemed_models.engine.loops import Loops, needed
from edgemed_models.engine.settings import Settings

from tests.edgemed.clinic.written import written

WITHIN = 40  # tokens of a repetition


def stopped(tokens: Sequence[int]) -> int | None:
    """After how many tokens the answer is in a loop."""
    loops = Loops()
    return next((n for n, token in enumerate(tokens, 1) if loops.add(token)), None)


@pytest.mark.parametrize("period", [1, 2, 3, 7, 24, 25, 40, 100, 128])
def test_what_comes_again_is_ended_within_forty_tokens(period: int) -> None:
    before, again = [9000 + n for n in range(30)], list(range(period))
    after = stopped(before + again * 200)
    assert after is not None
    assert after - len(before) - period == needed(period) <= WITHIN


def test_a_long_passage_may_come_once_more_in_part_but_not_whole() -> None:
    passage = list(range(300))
    assert stopped(passage + passage[:299] + [9000]) is None
    assert stopped(passage * 2) == 600


def test_a_list_whose_items_differ_is_no_loop() -> None:
    rows = [[1, 2, 3, 4, 100 + n, 5, 6, 7] for n in range(60)]
    assert stopped([token for row in rows for token in row]) is None


COUNTS = {
    "even steps": "/".join(str(1000 + 500 * n) for n in range(40)),
    "with commas": ", ".join(f"{1000 + 500 * n:,} mg" for n in range(40)),
    "downwards": " ".join(f"{100 - n / 2}" for n in range(40)),
    "a numbered list": "\n".join(f"{n}. aspirin 81 mg daily" for n in range(1, 40)),
}


@pytest.mark.parametrize("text", COUNTS.values(), ids=COUNTS)
def test_counting_without_end_is_a_loop_whatever_the_pieces(text: str) -> None:
    assert counts(text)
    for size in (1, 2, 3, 7):
        counting = Counting()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert any(counting.add(piece) for piece in pieces)
    loops = Loops()
    told = [loops.add(n, sign) for n, sign in enumerate(text)]
    assert True in told and told.index(True) < len(text) / 2


READINGS = (120, 130, 128, 125, 140, 138, 122, 119, 121, 135, 133, 131, 129, 127)


@pytest.mark.parametrize(
    "text",
    [
        ", ".join(f"{one}/{one - 40 - one % 7}" for one in READINGS),  # a diary of blood pressures
        "\n".join(f"{n}. drug {chr(96 + n)} {n * 7 % 11} mg" for n in range(1, 26)),
        ", ".join(f"{dose} mg for {5} days" for dose in range(60, 0, -10)),  # a taper
        "no fever. " * 40,  # a loop of words is found by its tokens
        "",
    ],
)
def test_readings_lists_and_tapers_are_no_counts(text: str) -> None:
    assert not counts(text)


def test_no_note_that_a_person_wrote_counts() -> None:
    assert not [text for text in written() if counts(text)]


def test_no_note_that_a_person_wrote_is_a_loop() -> None:
    numbers: dict[str, int] = {}
    for text in written():
        pieces = re.findall(r"\w+|[^\w\s]|\n", text)
        assert stopped([numbers.setdefault(piece, len(numbers)) for piece in pieces]) is None


def test_the_engine_ends_a_loop_and_says_so_where_it_is_asked_to(settings: Settings) -> None:
    model = LlamaModel(settings)
    try:
        for asked, reason in ((True, "loop"), (False, "length")):
            request = Request(
                (Message("user", "hello"),),
                max_tokens=120,
                grammar='root ::= "no fever, no cough. " root',
                stop_loops=asked,
            )
            *events, end = model.generate(request)
            assert isinstance(end, Done) and end.reason == reason
            text = "".join(e.text for e in events if isinstance(e, Piece))
            assert text.startswith("no fever, no cough. no fever")
    finally:
        model.close()
