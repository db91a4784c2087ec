"""Drafts that cannot be used say so; texts that people wrote never do."""

import pytest

from edgemed.cli.options.fail_on import fails
from edgemed.clinic.case import session as steps
from edgemed.clinic.case import signing
from edgemed.clinic.case.document import Origin
from edgemed.clinic.case.verdict import verdict
from edgemed.clinic.findings import Claim, Review, Span
from edgemed.clinic.reading.machine_talk import machine_talk, placeholders
from edgemed.clinic.reviewing.counting import all_of, counted
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.reviewing.usable import (
    above,
    copies,
    instructions,
    repeats,
    unsupported,
    unusable,
)
from edgemed.clinic.summarizing.template import RULES
from edgemed.clinic.summarizing.template_files import load_template
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
        "the the the",
        "the " * 40,
        "Chest clear. " * 3,
        "58-year-old man with cough for 3 days and no chest pain; he smokes ten a day and works "
        "outside, lives with his wife, has two dogs, no travel, no known contacts"
        + ", no wheezing"
        * 9,
        "Day 1: the patient is stable. Day 2: the patient is stable. Day 3: the patient is stable.",
        "Leg swelling. "
        + "".join(
            f"The patient has {x}. " for x in "gout lupus anemia scabies tinnitus".split() * 2
        ),
        "".join(f"{n}. The leg has a{' small' * (n % 2)} nodule.\n" for n in range(1, 9)),
    ],
)
def test_a_draft_that_says_one_thing_again_and_again_repeats_itself(draft: str) -> None:
    assert repeats(draft, NOTE)
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


@pytest.mark.parametrize("draft", ["", "---", "...", "- - -\n- - -\n", "•\n•\n", "12 34"])
def test_a_draft_without_words_says_so(draft: str) -> None:
    assert review(NOTE, draft).unusable == ("has no words",)


@pytest.mark.parametrize(
    "draft", ["asdf jkl qwer", "Asdf; jkl. QWER uiop", "sdkfjh skdjfh wkejrh", "aspirin xcvb hjkl"]
)
def test_keys_hit_at_random_make_no_words(draft: str) -> None:
    assert review(NOTE, draft).unusable == ("has no words",)
    assert "has no words" not in review(f"{NOTE} {draft}", draft).unusable


@pytest.mark.parametrize(
    "draft",
    [
        "Patient de 71 ans admise pour insuffisance cardiaque. Sortie sous furosémide 40 mg.",
        "Douleur thoracique gauche.",
        "Mujer de 71 años con hinchazón de piernas. Se da de alta con furosemida 40 mg.",
        "Paciente estable",
        "Frau, 71 Jahre, Herzinsuffizienz, Furosemid 40 mg zweimal täglich",
        "Brustschmerzen seit drei Tagen.",
        "Donna di 71 anni con gonfiore alle gambe.",
        "Женщина 71 года, отёки ног.",
    ],
)
def test_a_draft_in_another_language_than_its_note_says_so(draft: str) -> None:
    found = review(NOTE, draft)
    assert found.unusable == ("is in another language",)
    assert all(claim.label == "not checked" for claim in found.claims)


def test_a_draft_in_the_language_of_its_note_is_not_in_another() -> None:
    note = "Die Patientin wurde wegen Herzinsuffizienz aufgenommen und hat keine Schmerzen."
    assert "is in another language" not in review(note, note).unusable
    assert "is in another language" not in review(NOTE, "Sjögren, von Willebrand, PT/OT").unusable


INVENTED = (
    "There is a small nodule in the left lung. The patient has stage 4 cancer. Start cisplatin.",
    "The patient has a broken left arm. He fell from a ladder. A cast was applied.",
    "Take amoxicillin 500 mg. Stop warfarin. Chest CT in June. Allergic to latex.",
    "Mother of three. Works as a teacher. Likes tennis.",
)


@pytest.mark.parametrize("draft", INVENTED)
def test_a_few_invented_sentences_are_mostly_not_in_the_note(draft: str) -> None:
    assert review(NOTE, draft).unusable == ("is mostly not in the note",)


def test_a_draft_most_of_which_is_not_in_the_note_says_so() -> None:
    claims = [Claim(Span(n, n + 1), "not found", ()) for n in range(5)]
    good = [Claim(Span(9, 10), "supported", ())]
    many, same = "small nodule lung stage cancer cisplatin ladder cast", "swelling furosemide"
    assert unsupported(claims + good, same, NOTE)
    assert not unsupported(claims + good * 2, many, NOTE)
    assert unsupported(claims[:3], many, NOTE)
    assert not unsupported(claims[:3], same, NOTE)  # said in other words, perhaps
    assert not unsupported(claims[:3] + good * 2, many, NOTE)
    assert unsupported(claims[:1], many, NOTE)
    assert not unsupported(claims[:1], "small nodule", NOTE)  # too few to say


@pytest.mark.parametrize("draft", ["---", "the the the", "asdf jkl qwer", *INVENTED, RULES])
def test_verdict_and_list_agree_on_a_draft_that_cannot_be_used(draft: str) -> None:
    found = review(NOTE, draft)
    session = steps.drafted(steps.opened(NOTE), Origin("m", "t"), draft)
    session = steps.reviewed(session, draft, found)
    assert verdict(session).kind == "unusable"
    first = steps.findings(session)[0]
    assert (first.severity, first.reason) == ("major", verdict(session).words)
    assert counted(all_of(found)) == counted(steps.findings(session))
    assert fails(found, "major")
    with pytest.raises(Refused, match="Not usable"):
        signing.signed(session, "A", at="now")
    settled = steps.dismissed(session, first, steps.REASONS[1], at="now")
    assert verdict(settled).kind != "unusable" and first not in steps.open_findings(settled)


@pytest.mark.parametrize(
    ("draft", "why"),
    [
        ("I cannot help with that request.", "refuses to answer"),
        ("I’m sorry, but I can’t assist with that.", "refuses to answer"),
        ("As an AI language model, I cannot give medical advice.", "refuses to answer"),
        ("I am unable to write a referral letter.", "refuses to answer"),
        ("Please provide the clinical note.", "refuses to answer"),
        (f"{NOTE}\nSummarize the note above.", "tells the model what to write"),
        (f"<|im_start|>assistant\n{NOTE}", "holds marks of a chat program"),
        (f"{NOTE}<|im_end|>", "holds marks of a chat program"),
        ("Patient: [Name] / Diagnosis: [Diagnosis]", "is a form that was not filled in"),
        ("Patient: [Name]\nDoctor: [Your name]", "is a form that was not filled in"),
        ("Patient: <patient name>\nDOB: {{date_of_birth}}", "is a form that was not filled in"),
        ("T h e  p a t i e n t  i s  w e l l", "is written letter by letter"),
        (" ".join(NOTE), "is written letter by letter"),
    ],
)
def test_a_draft_that_is_no_text_about_a_patient_says_so(draft: str, why: str) -> None:
    found = review(NOTE, draft)
    assert why in found.unusable
    assert fails(found, "major")
    if why != "is written letter by letter":  # what the note has so is copied
        assert why not in review(draft, draft).unusable


@pytest.mark.parametrize("place", ["[Your name]", "[insert date]", "<dose>", "{patient_name}"])
def test_a_place_that_was_not_filled_in_is_major_in_a_draft_that_can_be_used(place: str) -> None:
    found = review(NOTE, f"{NOTE}\nSigned by {place}.")
    assert found.unusable == ()
    (flag,) = (f for claim in found.claims for f in claim.flags if f.check == "placeholder")
    assert flag.severity == "major"
    assert f"Signed by {place}."[flag.draft.start - len(NOTE) - 1 :].startswith(place)


@pytest.mark.parametrize(
    "words",
    [
        "[edit] Discharged.",
        "Potassium 3.1 [L].",
        "See [1].",
        "Took aspirin q.d. p.r.n. b.i.d. and p.o.",
        "I cannot give her ibuprofen. I am unable to palpate the spleen.",
        "Hepatitis C V A was spelled. S T E M I.",
        "Pressure <120 and >90. Name: ____",
    ],
)
def test_what_people_write_is_no_talk_of_a_machine(words: str) -> None:
    assert list(machine_talk(words, "")) == list(placeholders(words, "")) == []


def test_a_draft_of_the_note_is_usable() -> None:
    assert review(NOTE, NOTE).unusable == ()
    assert above(()) == ""


def test_nothing_speaks_against_what_people_wrote() -> None:
    for text in written():
        assert unusable("", text, (), instructions()) == ()
        assert not any(machine_talk(text, "")) and not any(placeholders(text, ""))


def test_notes_held_against_their_dialogues_are_not_mostly_unsupported() -> None:
    for text, dialogue in list(pairs())[1::90]:
        assert review(dialogue, text).unusable == ()


def test_it_is_signed_with_a_reason_alone() -> None:
    session = steps.drafted(steps.opened(NOTE), Origin("m", "t"), "Chest clear.")
    session = steps.reviewed(session, session.text, Review((), (), (), ("repeats itself",)))
    assert signing.above_draft(session) == "Not usable: repeats itself; another model is needed"
    with pytest.raises(Refused, match="repeats itself"):
        signing.signed(session, "A", at="now")
    assert signing.signed(session, "A", at="now", reason="read it all").signature is not None
