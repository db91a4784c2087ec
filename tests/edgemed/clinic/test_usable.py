"""Drafts that cannot be used say so; texts that people wrote never do."""

import pytest

from edgemed.clinic import session as steps
from edgemed.clinic.checks.review import review
from edgemed.clinic.document import Origin
from edgemed.clinic.findings import Claim, Review, Span
from edgemed.clinic.template import RULES, load_template
from edgemed.clinic.usable import above, copies, instructions, repeats, unsupported, unusable
from edgemed.errors import Refused
from tests.edgemed.clinic.written import pairs, written

NOTE = """A 71-year-old woman came in with leg swelling and was admitted for heart failure.
Blood pressure was 118/72. Discharged on furosemide 40 mg orally twice daily."""


@pytest.mark.parametrize(
    "draft",
    [
        "Chest clear.\n" + "There is a small nodule in the left lung.\n" * 25,
        "1. Take furosemide 40 mg. 2. Take furosemide 40 mg. 3. Take furosemide 40 mg.",
        "had" * 40,
        "hadhadhad",
        "58-year-old man with cough for 3 days and no chest pain; he smokes ten a day and works "
        "outside, lives with his wife, has two dogs, no travel, no known contacts"
        + ", no wheezing"
        * 9,
        "Day 1: the patient is stable. Day 2: the patient is stable. Day 3: the patient is stable.",
    ],
)
def test_a_draft_that_says_one_thing_again_and_again_repeats_itself(draft: str) -> None:
    assert repeats(draft)
    assert above(review(NOTE, draft).unusable).startswith("Not usable: repeats itself")


def test_a_draft_that_counts_up_says_so_unless_the_note_does() -> None:
    counted = "Furosemide dose: " + "/".join(str(1000 + 500 * n) for n in range(20))
    assert "counts up without end" in review(NOTE, counted).unusable
    assert "counts up without end" not in review(counted, counted).unusable


@pytest.mark.parametrize("name", ["soap", "visit-dialogue", "discharge-summary", "handoff-ipass"])
def test_a_draft_that_is_the_instruction_copies_what_was_asked(name: str) -> None:
    draft = load_template(name).asked
    assert copies(draft, instructions())
    assert "copies what it was asked" in review(NOTE, draft).unusable


def test_a_list_of_medicines_says_some_words_often() -> None:
    drugs = ("aspirin", "atorvastatin", "lisinopril", "metoprolol", "metformin", "furosemide")
    prose = "\n".join(f"{drug} 10 mg by mouth daily." for drug in drugs)
    listed = "\n".join(
        f"- {drug}; dose: 10 mg; route: by mouth; frequency: daily; status: continued"
        for drug in drugs
    )
    long = "\n".join(f"{drug} 1 tablet by mouth every 6 hours as needed for pain" for drug in drugs)
    assert not repeats(prose) and not repeats(listed)
    assert repeats(long) and not repeats(long, f"Discharged on:\n{long}")


def test_the_rules_before_all_notes_count_as_asked() -> None:
    assert copies(RULES, instructions())
    assert not copies(NOTE, instructions())


def test_a_draft_most_of_which_is_not_in_the_note_says_so() -> None:
    claims = [Claim(Span(n, n + 1), "not found", ()) for n in range(4)]
    good = [Claim(Span(9, 10), "supported", ())]
    assert not unsupported(claims)  # too few to say
    assert unsupported(claims + good)
    assert not unsupported(claims + good * 2)


def test_a_draft_of_the_note_is_usable() -> None:
    assert review(NOTE, NOTE).unusable == ()
    assert above(()) == ""


def test_nothing_speaks_against_what_people_wrote() -> None:
    for text in written():
        assert unusable("", text, (), instructions()) == ()


def test_notes_held_against_their_dialogues_are_not_mostly_unsupported() -> None:
    for text, dialogue in list(pairs())[1::90]:
        assert review(dialogue, text).unusable == ()


def test_it_is_signed_with_a_reason_alone() -> None:
    session = steps.drafted(steps.opened(NOTE), Origin("m", "t"), "Chest clear.")
    session = steps.reviewed(session, session.text, Review((), (), (), ("repeats itself",)))
    assert steps.above_draft(session) == "Not usable: repeats itself; another model is needed"
    with pytest.raises(Refused, match="repeats itself"):
        steps.signed(session, "A", at="now")
    assert steps.signed(session, "A", at="now", reason="read it all").signature is not None
