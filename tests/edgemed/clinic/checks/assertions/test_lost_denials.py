"""Denials that a draft has lost, known by its own words, and denials in talk."""

import pytest

from edgemed.clinic.checks.assertions import assertion, attributes, lost_denials, people
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read


def lost(draft: str) -> bool:
    """Whether the draft's own words point to a lost denial; the check looks at no source."""
    return any(list(lost_denials.check(said, Source(""))) for said in read(draft))


def polarity(text: str, concept: str) -> set[str]:
    return {m.polarity for s in read(text) for m in s.mentions if m.concept.name == concept}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("He took it without any problems.", "He took it with any problems."),
        ("She has not seen the surgeon yet.", "She has seen the surgeon yet."),
        ("He has not used drugs in over 15 years.", "He has used drugs in over 15 years."),
        ("She rested without much relief.", "She rested with much relief."),
        ("She has no symptoms except for fatigue.", "She has symptoms except for fatigue."),
        ("She reports no other complaints today.", "She reports other complaints today."),
        ("No other abnormalities are noted.", "Other abnormalities are noted."),
        ("He has not done any physical therapy.", "He has done any physical therapy."),
        ("She was treated, but did not improve.", "She was treated, but improve."),
        ("We tried both and it does not seem to help.", "We tried both and it just seem to help."),
        ("He did not present to the clinic.", "He present to the clinic."),
    ],
)  # fmt: skip
def test_a_denial_lost_is_known_by_the_words_that_need_one(right: str, wrong: str) -> None:
    assert lost(wrong)
    assert not lost(right)


@pytest.mark.parametrize(
    "draft",
    [
        "Pain with any movement of the shoulder.",
        "He is well with any kind of food.",
        "The surgeon has yet to see her.",
        "His sleep is good except for one night.",
        "Other symptoms include fatigue.",
        "He was healthy before these recent problems.",
        "She lost 5 kg in over two months.",
        "She was able to walk, but lose balance she did not.",
        "We recommended that she rest and that the patient return in May.",
    ],
)
def test_the_same_words_where_english_has_them_without_a_denial(draft: str) -> None:
    assert not lost(draft)


@pytest.mark.parametrize(
    ("talk", "concept", "expected"),
    [
        ("Doctor: Any swelling?\nPatient: From all the walking I do, I have no swelling.",
         "edema", {"no"}),
        ("Doctor: Do you use drugs?\nPatient: I have never used drugs.", "drug use", {"no"}),
        ("Doctor: Any fever?\nPatient: No. I forgot, my hand is numb.", "numbness", {"yes"}),
        ("Doctor: Fine.\nPatient: I always stayed away from drugs.", "drug use", {"no"}),
        ("[doctor] stop taking any motrin the only thing i want you to take is tylenol\n"
         "[patient] no problem", "acetaminophen", {"yes"}),
        ("[doctor] i will give you tylenol for any fever\n[patient] okay", "fever", {"open"}),
    ],
)  # fmt: skip
def test_what_an_answer_denies(talk: str, concept: str, expected: set[str]) -> None:
    assert polarity(talk, concept) == expected


def test_a_no_ends_its_sentence_but_before_a_number() -> None:
    assert [s.sentence.text for s in read("No. My hand is numb.")] == ["No.", "My hand is numb."]
    assert [s.sentence.text for s in read("Lot No. 5 was used.")] == ["Lot No. 5 was used."]


def test_what_is_denied_of_everybody_is_not_the_patients() -> None:
    source = Source("Doctor: Anyone in your family with dementia?\nPatient: No one.")
    (said,) = read("Positive for dementia.")
    assert [f.check for f in assertion.check(said, source)] == ["negation"]
    (said,) = read("Negative for dementia.")
    assert not list(assertion.check(said, source))


HELP = "Doctor: Did the Tylenol help?\nPatient: {}\nDoctor: Okay."


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (HELP.format("Not really."), "He took Tylenol without relief.",
         "He took Tylenol with relief."),
        (HELP.format("Yes, a lot."), "He took Tylenol with good relief.",
         "He took Tylenol without relief."),
        ("Patient: I took ibuprofen.\nPatient: But it didn't seem to help much.\nDoctor: I see.",
         "Ibuprofen was not effective.", "Ibuprofen was effective."),
        ("Gabapentin did not work at all.", "He tried gabapentin, but this was not effective.",
         "He tried gabapentin, but this was effective."),
    ],
)  # fmt: skip
def test_what_came_of_a_treatment(source: str, right: str, wrong: str) -> None:
    def raised(draft: str) -> list[str]:
        return [f.check for said in read(draft) for f in attributes.check(said, Source(source))]

    assert raised(wrong) == ["effect"]
    assert not raised(right)


def test_a_little_relief_contradicts_neither() -> None:
    (said,) = read("He took Tylenol with minimal relief.")
    for answer in ("Yes, a bit.", "Not really."):
        assert not list(attributes.check(said, Source(HELP.format(answer))))


@pytest.mark.parametrize(("source", "draft"), [("My granny", "grandmother"), ("My twin", "sister")])
def test_relatives_by_their_plain_names(source: str, draft: str) -> None:
    (said,) = read(f"His {draft} had asthma.")
    assert not list(people.check(said, Source(f"Patient: {source} had asthma.")))
