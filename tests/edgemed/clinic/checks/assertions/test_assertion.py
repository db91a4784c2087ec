"""Negation, questions and answers, bearers, sides, levels: the known traps."""

import pytest

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review


def checks(source: str, draft: str) -> set[str]:
    return {flag.check for flag in flags(source, draft)}


def flags(source: str, draft: str) -> list[Flag]:
    return [flag for claim in review(source, draft).claims for flag in claim.flags]


def polarity(text: str, concept: str) -> str:
    (found,) = {m.polarity for s in read(text) for m in s.mentions if m.concept.name == concept}
    return found


def person(text: str, concept: str) -> str:
    (found,) = {
        m.context.person for s in read(text) for m in s.mentions if m.concept.name == concept
    }
    return found


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("She is negative for stroke.", "stroke", "no"),
        ("No chest pain but has fever.", "fever", "yes"),
        ("No chest pain but has fever.", "chest pain", "no"),
        ("Denies fever, chills, or cough.", "cough", "no"),
        ("Denies fever and reports cough.", "cough", "yes"),
        ("No fever. Cough since Monday.", "cough", "yes"),
        ("Negative joint pain, negative rash.", "rash", "no"),
        ("There was no change in the cough.", "cough", "yes"),
        ("The patient is a nonsmoker.", "smoking", "no"),
        ("Tobacco use: none.", "smoking", "no"),
        ("Call if you have fever.", "fever", "open"),
        ("[x] fever [ ] cough", "cough", "no"),
        ("[x] fever [ ] cough", "fever", "yes"),
    ],
)
def test_what_is_negated(text: str, concept: str, expected: str) -> None:
    assert polarity(text, concept) == expected


@pytest.mark.parametrize(
    ("dialogue", "concept", "expected"),
    [
        ("Doctor: Any fever or chills?\nPatient: No.", "chills", "no"),
        ("Doctor: Any fever?\nPatient: Yeah, since Monday.", "fever", "yes"),
        ("Doctor: Any fever?\nPatient: I don't know.", "fever", "open"),
        ("Doctor: No fever?\nPatient: Right.", "fever", "no"),
        ("Doctor: Any rash?\nPatient: I have none of that.", "rash", "no"),
        ("[doctor] okay and have you had any cough\n[patient] no i have n't", "cough", "no"),
        ("Doctor: Since you had this rash, any cough?\nPatient: No.", "rash", "yes"),
    ],
)
def test_an_answer_settles_the_question(dialogue: str, concept: str, expected: str) -> None:
    assert polarity(dialogue, concept) == expected


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("Colon cancer in his father.", "colon cancer", "father"),
        ("His mother died of stroke.", "stroke", "mother"),
        ("My mom's brother had leukemia.", "leukemia", "uncle"),
        ("Mother states he has a fever.", "fever", ""),
        ("FAMILY HISTORY\n\nBreast cancer.", "breast cancer", "family"),
        ("Doctor: Does diabetes run in your family?\nPatient: Yes, my dad.", "diabetes", "father"),
        ("Doctor: And your mom?\nPatient: She had a stroke.", "stroke", "mother"),
    ],
)
def test_whose_finding_it_is(text: str, concept: str, expected: str) -> None:
    assert person(text, concept) == expected


@pytest.mark.parametrize(
    ("source", "draft", "check"),
    [
        ("Doctor: Any fever?\nPatient: No.", "She reports fever.", "negation"),
        ("She reports short of breath.", "Denies dyspnea.", "negation"),
        ("The left knee is swollen.", "Right knee swelling.", "laterality"),
        ("My mother had breast cancer.", "Her sister had breast cancer.", "experiencer"),
        ("My mother had breast cancer.", "The patient has breast cancer.", "experiencer"),
        ("Continue hydralazine.", "Continue hydroxyzine.", "entity"),
        ("Potassium 5.9 [H] today.", "Potassium was low at 5.9.", "level"),
        ("He came for a cough.", "He also has glaucoma.", "entity"),
        ("He came for a cough.", "She worked many years as a school teacher.", "unsupported"),
    ],
)
def test_what_the_source_says_otherwise_is_flagged(source: str, draft: str, check: str) -> None:
    assert check in checks(source, draft)


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        ("All right, come right in. The left knee hurts.", "Left knee pain."),
        ("Nodes at L5 are normal. 12 g/L.", "L5 normal, 12 g/L."),
        ("I get short of breath on stairs.", "Dyspnea on stairs."),
        ("Doctor: You take Lasix?\nPatient: Yes.", "He takes furosemide."),
        ("Both knees hurt.", "Bilateral knee pain."),
        ("No fever today.", "Afebrile."),
    ],
)
def test_the_same_in_other_words_is_not_flagged(source: str, draft: str) -> None:
    assert flags(source, draft) == []


def test_spans_of_a_flag_show_the_words_on_both_sides() -> None:
    source, draft = "The left knee is swollen.", "Swollen right knee."
    (flag,) = flags(source, draft)
    assert draft[flag.draft.start : flag.draft.end] == "right"
    assert [source[s.start : s.end] for s in flag.source] == ["left"]
    assert flag.severity == "major"


def test_a_level_between_two_tests_at_one_distance_belongs_to_the_first() -> None:
    source = "The ldl high hdl were repeated."
    found = [f for f in flags(source, "The ldl low hdl were repeated.") if f.check == "level"]
    assert [f.reason for f in found] == ["level of ldl: low in the draft, high in the note"]


def test_a_list_that_begins_with_changes_is_denied_to_its_end() -> None:
    assert polarity("No weight changes, headaches, or nausea.", "nausea") == "no"
    assert polarity("No changes in her cough.", "cough") == "yes"


def test_or_joins_what_is_denied_so_a_denial_may_be_lost() -> None:
    source = "Doctor: Any fever or chills?\nPatient: No fever. Some chills."
    reasons = [f.reason for f in flags(source, "She reports fever or chills.")]
    assert any("a negation may be lost" in reason for reason in reasons)
    for draft in ("She denies fever or chills.", "She does not report any fever or chills."):
        assert not any("may be lost" in f.reason for f in flags(source, draft))


def test_a_drug_that_the_draft_says_is_not_taken_is_held_against_the_source() -> None:
    source = "Doctor: Do you take metformin?\nPatient: Yes, I take metformin every day."
    (flag,) = [f for f in flags(source, "He denies taking metformin.") if f.check == "negation"]
    assert (flag.severity, flag.label) == ("major", "contradicted")
    assert flags(source, "He is taking metformin.") == []


@pytest.mark.parametrize(
    ("source", "concept", "expected"),
    [
        ("Doctor: Any chest pain?\nPatient: I am fine, no issues there.", "chest pain", "no"),
        ("Doctor: How about alcohol.\nPatient: No.", "alcohol use", "no"),
        ("Gram-negative sepsis.", "sepsis", "yes"),
        ("There are no changes, the patient has asthma.", "asthma", "yes"),
        ("Doctor: Do you smoke?\nPatient: I did in the past.", "smoking", "open"),
        ("Doctor: What is it?\nPatient: No just a headache.", "headache", "yes"),
    ],
)
def test_answers_and_ends_of_denials(source: str, concept: str, expected: str) -> None:
    assert polarity(source, concept) == expected


def test_an_answer_that_picks_one_thing_leaves_the_others_open() -> None:
    source = "Doctor: Any tobacco or alcohol use?\nPatient: I have a glass of wine."
    assert polarity(source, "smoking") == "open"
    assert polarity(source, "alcohol use") == "yes"


def test_what_was_asked_of_one_relative_goes_to_the_one_who_answers_for_it() -> None:
    source = "Doctor: Did your father have a stroke?\nPatient: My mother did."
    assert "experiencer" in checks(source, "Her father had a stroke.")
    assert checks(source, "Her mother had a stroke.") == set()
