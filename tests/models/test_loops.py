"""Answers that repeat themselves are ended; texts that people wrote never are."""

import re
from collections.abc import Sequence

import pytest
from edgemed_models.base import Done, Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.counting import Counting, counts
from edgemed_models.engine.loops import Loops, loops_of, needed
from edgemed_models.engine.rewording import Rewording, rewords
from edgemed_models.engine.settings import EngineSettings

from tests.edgemed.clinic.written import pairs, written

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


READ = """A man came with knee pain. He has diabetes, asthma and hypertension. He takes lisinopril
10 mg, metoprolol 25 mg, atorvastatin 40 mg, metformin 500 mg, aspirin 81 mg, sertraline 50 mg."""
TAPER = "Prednisone tablets: day 1 6 tablets, day 2 5 tablets, day 3 4 tablets, day 4 3 tablets."
INVENTED = tuple(
    "gout lupus scabies hepatitis anemia migraine epilepsy psoriasis glaucoma dementia rosacea "
    "eczema cataracts pneumonia sarcoidosis tinnitus".split()
)
REWORDED = {
    "a form of a word": [f"{n}. Patient has {'coughs' if n % 2 else 'cough'}. " for n in range(40)],
    "a number": [f"{n}. The patient has a cough.\n" for n in range(40)],
    "a day": [f"Day {n}: the patient is stable.\n" for n in range(1, 40)],
    "a count": [f"Take {n} tablets of aspirin.\n" for n in range(40)],
    "a finding": [f"The patient has {x}. " for x in INVENTED],
    "a bullet": [f"- {x}: continue to monitor the patient\n" for x in INVENTED],
    "after commas": [f", no evidence of {x}" for x in INVENTED],
    "after and": [f" and the patient has {x}" for x in INVENTED],
    "after semicolons": [f"the patient has {x}; " for x in INVENTED],
    "some of the note's": [
        f"The patient has {x}. " for x in ("asthma", "diabetes", "gout", "asthma", *INVENTED)
    ],
}


def signs(text: str) -> list[str]:
    """Words and marks with the blanks before them, as tokens are."""
    return re.findall(r"\s*\w+|[^\w\s]|\s", text)


@pytest.mark.parametrize("items", REWORDED.values(), ids=REWORDED)
def test_one_thing_said_in_other_words_is_ended_within_forty_tokens(items: list[str]) -> None:
    loops = Loops(READ)
    before, again = signs(READ + items[0]), signs("".join(items[1:]))
    assert not [n for n, sign in enumerate(before) if loops.add(n, sign)]
    told = [loops.add(n, sign) for n, sign in enumerate(again, len(before))]
    assert True in told[: WITHIN + 1]
    assert rewords("".join(items), READ)


DRUGS = ("lisinopril", "metoprolol", "atorvastatin", "metformin", "aspirin", "sertraline")
SAYING = {
    "drugs of the note": "".join(f"- {x} 1 tablet by mouth once daily\n" for x in DRUGS),
    "with commas": "".join(f"{x} 10 mg, one tablet, by mouth, once a day\n" for x in DRUGS),
    "in sentences": "".join(f"Please continue to take {x} as before. " for x in DRUGS),
    "denied": "No fever, no chills, no nausea, no vomiting, no rash, no cough, no chest pain, "
    "no edema, no dysuria, no bleeding, no headache, no dizziness, no falls, no syncope.",
    "the note's taper": "".join(f"Take {n} tablets on day {7 - n}. " for n in range(6, 0, -1)),
    "an examination": "Left knee: full range. Right knee: full range. Left hip: full range. "
    "Right hip: full range.",
    "nothing": "",
}


@pytest.mark.parametrize("text", SAYING.values(), ids=SAYING)
def test_lists_of_what_was_read_denials_and_tapers_say_something(text: str) -> None:
    assert not rewords(text, f"{READ} {TAPER}")


def test_rewording_does_not_depend_on_the_pieces() -> None:
    text = "".join(REWORDED["a finding"])
    for size in (1, 2, 3, 7):
        rewording = Rewording(READ)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert any(rewording.add(piece) for piece in pieces)


def test_where_a_grammar_asks_for_the_same_words_they_are_no_rewording() -> None:
    text = "".join(REWORDED["a finding"])

    def ended(request: Request) -> bool:
        loops = loops_of(request)
        return loops is not None and any(loops.add(n, sign) for n, sign in enumerate(signs(text)))

    messages = (Message("user", READ),)
    assert ended(Request(messages, stop_loops=True))
    assert not ended(Request(messages, stop_loops=True, grammar="root ::= [a-z]*"))
    assert not ended(Request(messages))


def test_no_note_that_a_person_wrote_is_a_loop() -> None:
    numbers: dict[str, int] = {}
    for text, dialogue in pairs():
        pieces = re.findall(r"\w+|[^\w\s]|\n", text)
        assert stopped([numbers.setdefault(piece, len(numbers)) for piece in pieces]) is None
        assert not rewords(text, dialogue)


def test_the_engine_ends_a_loop_and_says_so_where_it_is_asked_to(settings: EngineSettings) -> None:
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
