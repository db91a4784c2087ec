"""Plain words denied or stated outright, problems in each other's place, values of tests, codes."""

import pytest

from edgemed.clinic.checks import flags
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read

CASES = (
    # what no list names, denied on one side
    ("negation", "Doctor: I don't think you need a diuretic at this time.\nPatient: Okay.",
     "No diuretic is needed at this time.", "He needs a diuretic at this time."),
    ("negation", "Patient: I haven't had a flare in over five months.\nDoctor: Good.",
     "She has not had a flare in over 5 months.", "She has had a flare in over 5 months."),
    ("negation", "If your symptoms don't improve we can consider a steroid injection.",
     "If her symptoms do not improve, consider a steroid injection.",
     "If her symptoms improve, consider a steroid injection."),
    ("negation", "Doctor: Were you admitted to the hospital?\nPatient: No.",
     "He was not admitted to the hospital.", "He was admitted to the hospital."),
    ("negation", "Colonoscopy not done.", "No colonoscopy was done.", "Colonoscopy was done."),
    ("negation", "Urinalysis neg for blood.", "Urinalysis negative for blood.",
     "Urinalysis positive for blood."),
    ("negation", "Patient: I don't have any pain.\nDoctor: Good.", "Denies pain.", "Reports pain."),
    ("negation", "There is pain on the medial side of the knee.",
     "Pain on the medial side of the knee. No pain on the lateral side.",
     "No pain on the medial side of the knee."),
    # stated outright
    ("certainty", "The abdominal x-ray shows a possible kidney stone, okay?",
     "Abdominal x-ray shows a possible kidney stone.", "Abdominal x-ray shows a kidney stone."),
    ("certainty", "Primary closure is planned, but skin graft closure may be needed.",
     "Skin graft closure may be needed.", "Skin graft closure is needed."),
    ("certainty", "His elevated phosphatase is likely related to his bone health.",
     "His elevated phosphatase is likely related to bone health.",
     "His elevated phosphatase is related to his bone health."),
    # in another's place
    ("entity", "The foot x-ray shows no evidence of osteomyelitis.",
     "Foot x-ray: no evidence of osteomyelitis.", "Foot x-ray: no evidence of osteoporosis."),
    # values, codes, levels
    ("number", "K 5.9, Na 138, WBC 13.2, Plt 210.", "Platelets 210.", "Platelets 138."),
    ("number", "Disc bulge at L4-5.", "Disc bulge at L4-5.", "Disc bulge at L2-3."),
    ("number", "Patient: It's my C six nerve.\nDoctor: Yes.", "C6 radiculopathy.",
     "C4 radiculopathy."),
    ("number", "G3P2.", "G3P2.", "G2P3."),
    ("number", "Third toe amputated.", "Third toe amputation.", "Second toe amputation."),
    ("level", "Hgb 10.2 g/dL 12-16", "Hemoglobin is low.", "Hemoglobin is normal."),
    ("level", "Colonoscopy was normal.", "Normal colonoscopy.", "Abnormal colonoscopy."),
    # how a drug is taken
    ("regimen", "Trazodone 50 mg at bedtime.", "Trazodone 50 mg nightly.",
     "Trazodone 50 mg every morning."),
    ("regimen", "Ibuprofen 400 mg every 6 hours as needed.", "Ibuprofen 400 mg every 6 hours prn.",
     "Ibuprofen 400 mg every 6 hours around the clock."),
    ("regimen", "Vitamin B12 1000 mcg IM monthly.", "Vitamin B12 1000 mcg IM monthly.",
     "Vitamin B12 1000 mcg orally monthly."),
    ("status", "Pneumonia in 2019, resolved. Currently has bronchitis.",
     "Currently has bronchitis.", "Currently has pneumonia."),
    ("status", "Continue home blood pressure monitoring.",
     "Continue home blood pressure monitoring.", "Discontinue home blood pressure monitoring."),
    ("trend", "Pain is better with rest and worse with coughing.", "Pain is worse with coughing.",
     "Pain is better with coughing."),
    ("trend", "Patient: Even driving hurts.\nDoctor: Okay.", "Pain is worse with driving.",
     "Pain is relieved by driving."),
    ("site", "Evaluation of the left shoulder. It aches.", "Evaluation of the left shoulder.",
     "Evaluation of the left hand."),
    ("site", "Tenderness of the neck, the back is fine.", "Tenderness of the cervical spine.",
     "Tenderness of the thoracic spine and the pelvis."),
    ("reason", "Fall due to a slippery floor. Dehydration.", "Fall due to a slippery floor.",
     "Fall due to dehydration."),
    ("experiencer", "FHx: mother breast cancer at 52, father stroke.",
     "Mother had breast cancer.", "Father had breast cancer."),
    ("experiencer", "My mom had lymphoma.", "FAMILY HISTORY\n\nMother had lymphoma.",
     "FAMILY HISTORY\n\nPatient has lymphoma."),
    ("laterality", "Pain in both hips, worse on the right.", "Bilateral hip pain.",
     "Bilateral hip pain, left worse than right."),
)  # fmt: skip


def checks(source: str, draft: str) -> set[str]:
    read_source = Source(source)
    return {flag.check for said in read(draft) for flag in flags(said, read_source)}


@pytest.mark.parametrize(("check", "source", "right", "wrong"), CASES)
def test_one_wrong_word_is_flagged_and_the_right_one_is_not(
    check: str, source: str, right: str, wrong: str
) -> None:
    assert check in checks(source, wrong)
    assert check not in checks(source, right)


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        # what is denied is a word between, or said in another word
        ("Your heart sounds are good.", "No extra heart sounds."),
        ("I cannot keep stable, I am losing my balance.", "Difficulty keeping his balance."),
        ("I can't really tie my shoes.", "He is unable to tie his shoes."),
        # a label is a topic
        ("Doctor: Any allergies?\nPatient: No.", "Allergies: no known drug allergies."),
        ("The tumor: lymphatic invasion not identified.", "Lymphatic invasion: not identified."),
        # somewhere else
        ("There is edema of the right elbow.", "No edema of the ankles."),
        # a hedge of something else
        ("Effusion is seen and that could be blood.", "Effusion is seen."),
        ("I'm concerned about the redness of your leg.", "There is redness of the leg."),
        ("Patient: I probably smoke less than a pack a day.\nDoctor: Okay.",
         "He smokes less than a pack a day."),
        # what is done with whom, and to what
        ("Stop ibuprofen. Use acetaminophen.", "She should stop ibuprofen and use acetaminophen."),
        ("Take acetaminophen for your inflammation.",
         "Take acetaminophen to reduce her inflammation."),
        ("We took an x-ray of the knee. I will recommend exercises for the knee.",
         "An x-ray of the knee was obtained."),
        ("Take ibuprofen 200 mg, two tablets, three times a day.",
         "Ibuprofen 200 mg, 2 tablets, 3 times daily."),
        ("Take 1/2 tab of metoprolol 50 mg BID.", "Metoprolol 25 mg twice daily."),
        ("They stung both my hands.", "Stings of the right hand and the left hand."),
        ("Potassium 5.9 (H).", "Hyperkalemia."),
        ("He has arthritis of the hip.", "Hip osteoarthritis."),
        ("The patient is married.", "She lives with her husband, the patient is married."),
    ],
)  # fmt: skip
def test_the_same_in_other_words_is_not_flagged(source: str, draft: str) -> None:
    assert checks(source, draft) - {"wording", "unsupported"} == set()
