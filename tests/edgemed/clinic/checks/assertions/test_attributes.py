"""What is said of a thing beside its name: each attribute right, and wrong in one word."""

import pytest

from edgemed.clinic.checks import flags
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read

PLAN = (
    "We will stop lisinopril because of cough and start losartan 50 mg daily. Continue metformin. "
    "Increase furosemide from 20 mg to 40 mg daily."
)
TALK = (
    "Doctor: How is your knee pain?\nPatient: It is much better.\n"
    "Doctor: I want you to hold the aspirin and continue the metoprolol.\nPatient: Okay."
)
TERSE = (
    "Metformin 500 mg twice daily continued, lisinopril stopped for cough, losartan 50 mg begun."
)
ECHO = "Mild aortic stenosis. Severe mitral regurgitation. Potassium is elevated."
CASES = (
    ("status", PLAN, "Lisinopril was stopped.", "Continue lisinopril."),
    ("status", PLAN, "Started losartan 50 mg daily.", "Stop losartan."),
    ("status", PLAN, "Continue metformin.", "Metformin was discontinued."),
    ("status", PLAN, "Furosemide was increased to 40 mg.", "Furosemide was decreased to 40 mg."),
    ("status", TALK, "Hold aspirin.", "Continue aspirin."),
    ("status", TERSE, "Metformin was continued.", "Metformin was stopped."),
    ("status", TERSE, "Lisinopril was stopped for cough.", "Started on lisinopril for cough."),
    ("status", TERSE, "Lisinopril was discontinued.", "Lisinopril was continued."),
    ("status", TERSE, "Started losartan 50 mg.", "Losartan was discontinued."),
    ("status", "He stopped lisinopril.", "Lisinopril was stopped.", "Lisinopril was started."),
    ("trend", TALK, "Knee pain has improved.", "Knee pain has worsened."),
    ("severity", ECHO, "Mild aortic stenosis.", "Severe aortic stenosis."),
    ("severity", ECHO, "Severe mitral regurgitation.", "Mild mitral regurgitation."),
    ("level", ECHO, "Potassium is elevated.", "Potassium is low."),
    ("certainty", "Possible pneumonia.", "Possible pneumonia.", "The patient has pneumonia."),
    ("doing", "Plan: schedule an MRI next week.", "MRI is scheduled.", "MRI was performed."),
    ("type", "History of type 2 diabetes.", "Type 2 diabetes.", "Type 1 diabetes."),
    ("sex", "She is a 40-year-old woman. She has asthma.", "A woman with asthma.",
     "A man with asthma."),
    ("site", "Patient: I hurt my ankle playing soccer.", "Ankle hurt playing soccer.",
     "Knee hurt playing soccer."),
    ("frequency", "He drinks two beers per week.", "Two beers a week.", "Two beers a day."),
    ("reason", "Gabapentin for neuropathy. Amlodipine for hypertension.",
     "Gabapentin for neuropathy.", "Gabapentin for hypertension."),
    ("allergy", "Medications: warfarin. Allergic to penicillin.", "Allergic to penicillin.",
     "Takes penicillin."),
    ("laterality", "Pain in both hips.", "Bilateral hip pain.", "Left hip pain."),
)  # fmt: skip


def checks(source: str, draft: str) -> set[str]:
    read_source = Source(source)
    return {flag.check for said in read(draft) for flag in flags(said, read_source)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lisinopril stopped for cough.", [("stopped", ("lisinopril",))]),
        ("He stopped lisinopril.", [("stopped", ("lisinopril",))]),
        ("A patient on warfarin started on amiodarone.", [("started", ("amiodarone",))]),
        ("A patient with diabetes started on insulin.", [("started", ("insulin",))]),
        ("Metoprolol held for bradycardia and lisinopril continued.",
         [("held", ("metoprolol",)), ("continued", ("lisinopril",))]),
        ("Continue metformin, lisinopril stopped.",
         [("continued", ("metformin",)), ("stopped", ("lisinopril",))]),
        ("Continue metformin, lisinopril was stopped.",
         [("continued", ("metformin",)), ("stopped", ("lisinopril",))]),
        ("Started aspirin, and warfarin stopped.",
         [("started", ("aspirin",)), ("stopped", ("warfarin",))]),
        ("Aspirin, clopidogrel, and warfarin stopped.",
         [("stopped", ("aspirin", "clopidogrel", "warfarin"))]),
        ("Metformin 500 mg twice daily, lisinopril stopped.", [("stopped", ("lisinopril",))]),
        ("Pain from the fracture stopped with morphine.", [("stopped", ("fracture", "pain"))]),
    ],
)  # fmt: skip
def test_an_action_is_said_of_its_own_drugs(
    text: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    cues = [c for said in read(text) for c in said.cues]
    assert [(c.value, c.of) for c in cues if c.attribute == "status" and not c.spoken] == expected


@pytest.mark.parametrize(("check", "source", "right", "wrong"), CASES)
def test_one_wrong_word_is_flagged_and_the_right_one_is_not(
    check: str, source: str, right: str, wrong: str
) -> None:
    assert check in checks(source, wrong)
    assert check not in checks(source, right)


def test_a_finding_names_the_attribute_both_values_and_both_places() -> None:
    (flag,) = flags(read("Severe aortic stenosis.")[0], Source(ECHO))
    assert flag.reason == "severity of aortic stenosis: severe in the draft, mild in the note"
    assert ECHO[slice(*flag.source[0])] == "Mild"
    assert "Severe aortic stenosis."[slice(*flag.draft)] == "Severe"


def test_what_a_speaker_takes_back_does_not_count() -> None:
    said = "Doctor: So the left hip, sorry, the right hip hurts.\nPatient: Right hip, yes."
    assert checks(said, "Right hip pain.") == set()
    assert "laterality" in checks(said, "Left hip pain.")


def test_a_denied_cue_says_nothing() -> None:
    source = "Doctor: Did the ibuprofen help?\nPatient: No, my pain did not improve with ibuprofen."
    assert checks(source, "His pain improved with ibuprofen.") & {"trend", "negation"}
