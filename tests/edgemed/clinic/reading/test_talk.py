"""What a conversation says of things: answers, choices, tags, unpunctuated speech, he and she."""

import pytest

from edgemed.clinic.reading.quantities import quantities
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read


def polarities(text: str, concept: str) -> set[str]:
    return {m.polarity for s in read(text) for m in s.mentions if m.concept.name == concept}


def persons(text: str, concept: str) -> set[str]:
    return {m.context.person for s in read(text) for m in s.mentions if m.concept.name == concept}


@pytest.mark.parametrize(
    ("talk", "concept", "expected"),
    [
        # who answers: not who goes on, not who only draws breath; asked again is no answer
        ("Doctor: Any fever?\nDoctor: In the last days.\nPatient: No.", "fever", "no"),
        ("Doctor: Any fever?\nPatient: Um.\nPatient: No, none.", "fever", "no"),
        ("Doctor: Any fever?\nDoctor: Or a cough?\nPatient: No.", "fever", "open"),
        # a denial ends where the next clause begins, without a comma
        ("[doctor] no fracture there you have some swelling\n[patient] okay", "edema", "yes"),
        ("[doctor] no lesions your lungs are full of wheezes\n[patient] okay", "wheezing", "yes"),
        ("[patient] i do n't think you have seen the rash\n[doctor] no", "rash", "no"),
        # questions without a mark, and a few words that ask
        ("Doctor: Have you had any fever.\nPatient: No.", "fever", "no"),
        ("Doctor: Tremors or numbness.\nPatient: No, nothing like that.", "tremor", "no"),
        # an answer takes up one thing of several; a little warm is no fever
        ("Doctor: Any congestion, sore throat, cough?\nPatient: I had a little bit of congestion.",
         "cough", "open"),
        ("Doctor: And fever?\nPatient: I felt a little warm.", "fever", "open"),
        # an answer that qualifies denies nothing
        ("Doctor: Did you notice redness right away?\nPatient: Um not right away.", "erythema",
         "open"),
        # of two choices the answer is to the last; what is besides is taken for granted
        ("Doctor: Do you have asthma or is there anything else?\nPatient: No.", "asthma", "open"),
        ("Doctor: Any allergies besides penicillin?\nPatient: No.", "penicillin", "yes"),
        ("Doctor: Any chest pain since the fall?\nPatient: No.", "fall", "yes"),
        ("Doctor: Where is your rash?\nPatient: No, only on my arm.", "rash", "yes"),
        # `no, you are right` agrees; an answer is to what was asked last
        ("Doctor: Any trouble? Slurring, or anything?\nPatient: No.", "speech problem", "no"),
        ("Doctor: You are on warfarin?\nPatient: No, you are right.", "warfarin", "yes"),
        ("Doctor: Do you take metformin? How is your sugar?\nPatient: No complaints.", "metformin",
         "open"),
        # a tag asks nothing
        ("Doctor: The x-ray shows a fracture, okay?\nPatient: Okay.", "fracture", "yes"),
        ("Nobody in the family has diabetes.", "diabetes", "no"),
        ("She is unable to tolerate metformin.", "metformin", "no"),
        ("No further vomiting.", "vomiting", "open"),
        ("She is not allergic to any medicine.", "allergy", "no"),
        ("No fractures with the exception of a rib fracture.", "fracture", "no"),
    ],
)  # fmt: skip
def test_whether_it_is_so(talk: str, concept: str, expected: str) -> None:
    assert expected in polarities(talk, concept)


@pytest.mark.parametrize(
    ("talk", "concept", "expected"),
    [
        ("Patient: My mother and her two sisters have asthma.\nDoctor: Okay.", "asthma", "aunt"),
        ("Doctor: And your father?\nPatient: I was away. He had a stroke.", "stroke", "father"),
        ("Doctor: Your mother?\nPatient: Yes.\nDoctor: Her disease?\nPatient: She had gout.",
         "gout", "mother"),
        ("FAMILY HISTORY\n\nThe patient has lymphoma.", "lymphoma", ""),
        ("FAMILY HISTORY\n\nLymphoma.", "lymphoma", "family"),
        ("He had surgery for asthma as a child.", "asthma", ""),
    ],
)  # fmt: skip
def test_whose_it_is(talk: str, concept: str, expected: str) -> None:
    assert persons(talk, concept) == {expected}


@pytest.mark.parametrize(
    ("said", "value", "unit"),
    [
        ("a half a cc of lidocaine", 0.5, "mL"),
        ("a . five centimeter stone", 0.5, "cm"),
        ("point one two five milligrams", 0.125, "mg"),
        ("twelve . five milligrams", 12.5, "mg"),
        ("an hour and a half", 1.5, "h"),
        ("about a full pack", 1.0, "{pack}"),
        ("height 1.8 m", 1.8, "m"),
    ],
)
def test_numbers_as_they_are_spoken(said: str, value: float, unit: str) -> None:
    found = [(q.values[0], q.unit.code if q.unit else "") for q in quantities(said)]
    assert (value, unit) in found


def test_the_first_of_two_hundreds_and_a_number_said_twice() -> None:
    assert 300.0 in quantities("in the three to four hundreds")[0].values
    assert quantities("three out of six six")[0].pair == 6.0
    assert [q.values for q in quantities("a beer or two")] == [(1.0,), (2.0,)]


def test_letters_that_are_spelled_are_one_word() -> None:
    (found,) = [m for s in read("He had a C V A.") for m in s.mentions if m.concept.kind != "word"]
    assert found.concept.name == "stroke"


def test_pronouns_in_a_conversation_are_of_others() -> None:
    talk = "[doctor] did he push you\n[patient] he ran into me and she saw it\n[doctor] okay"
    assert Source(talk).sex == ""
    assert Source("She has asthma. Her lungs are clear.").sex == "female"


def test_a_line_that_ends_with_a_minus_is_no_heading() -> None:
    assert "no" in polarities("fever/chills -\nSOB +\nCP -", "chest pain")
