"""What a wrong thought flagged: the right sentence passes now, a wrong one beside it does not."""

import pytest

from edgemed.clinic.reviewing.review import review


def flagged(source: str, draft: str) -> bool:
    return any(claim.flags for claim in review(source, draft).claims)


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        # clinical shorthand of denials and of time
        ("He does not smoke.", "Non smoker.", "Smoker."),
        ("No nausea or vomiting.", "Nil nausea/vomiting.", "Nausea and vomiting."),
        ("She has had a cough for three days.", "3/7 hx of cough.", "5/7 hx of cough."),
        ("Last period two weeks ago.", "LMP 2/52 ago.", "LMP 6/52 ago."),
        ("We will see him in six months.", "Review in 6/12.", "Review in 3/12."),
        # with whom one lives, and whose habit it is
        (
            "He lives with his wife. He smokes.",
            "Lives with wife, works in a factory, smokes socially.",
            "His wife smokes.",
        ),
        # what a clinician thinks it is, and what may yet come
        (
            "[doctor] it may be gastroenteritis\n[patient] okay",
            "Imp: gastroenteritis.",
            "Imp: meningitis.",
        ),
        ("She has a fever.", "Review if worsening fever.", "Her fever is worsening."),
        ("He has COPD with more cough.", "COPD exacerbation.", "Asthma exacerbation."),
        # cannot without, eating and drinking, days of the week, types, hands and eyes
        (
            "I can't run far without pain in my knee.",
            "He has pain in the knee on running.",
            "He has no pain in the knee.",
        ),
        (
            "[doctor] do you drink alcohol ?\n[patient] no .\n[doctor] eating and drinking okay ?"
            "\n[patient] yes .",
            "Drinking well.",
            "Drinks alcohol.",
        ),
        ("He has beer on weekends.", "Beer Fri/sat.", "Sats 90 %."),
        ("He has diabetes.", "Type 2 diabetes.", "Type 7 diabetes."),
        ("Right-handed man, hurt his finger.", "He is right-handed.", "He hurt his hand."),
        ("She takes cetirizine once a day.", "Cetirizine OD.", "Cetirizine BD."),
        # spelled letters
        (
            "[doctor] did you go to P T ?\n[patient] yes .",
            "She had physical therapy.",
            "She had radiation therapy.",
        ),
        # answers that tell something first, deny by name, say how much, ask back
        (
            "[doctor] any thoughts of harming yourself ?\n[patient] i 've had thoughts of not "
            "wanting to go on .",
            "She has had thoughts of harming herself.",
            "She denies thoughts of harming herself and has a fever.",
        ),
        (
            "[doctor] do you smoke or drink alcohol ?\n[patient] i don't smoke but i have a pint .",
            "Drinks alcohol.",
            "Smokes.",
        ),
        (
            "[doctor] any weakness ?\n[patient] it is mild .\n[doctor] any numbness ?\n"
            "[patient] no .",
            "Mild weakness.",
            "Numbness.",
        ),
        (
            "[doctor] any drugs ?\n[patient] you mean like cocaine ?\n[doctor] yeah .\n"
            "[patient] no .",
            "No drug use.",
            "Uses drugs.",
        ),
        # which side, and with what, a denial is of
        (
            "She has facial pain on the right.",
            "Denies left facial pain.",
            "Denies right facial pain.",
        ),
        ("He has chest pain.", "No chest pain at rest.", "No chest pain."),
        ("No weakness in both legs.", "No weakness in the right leg.", "Weakness in the left leg."),
        # where a denial ends, and what it denies
        (
            "Fever and palpitations.",
            "Warm (not measured), fever and palpitations.",
            "Denies fever (not measured), no palpitations.",
        ),
        ("He has back pain.", "PMH: nil of note, back pain.", "PMH: nil back pain."),
        ("No drugs. He drinks 3 beers.", "No drugs, 3 beers.", "No beer."),
        ("Dyspnea: none.", "She is not having problems with breathing.", "She has dyspnea."),
        (
            "Hepatitis C and HIV negative.",
            "Hepatitis C and HIV, both of which were negative.",
            "She has HIV.",
        ),
        (
            "The headache is worse. Tylenol does not help.",
            "Tylenol failed to improve headaches.",
            "Headache improved.",
        ),
        # what a denial takes for granted
        ("She had a fall on Monday. No pain.", "She denies pain since the fall.", "Denies a fall."),
        (
            "He was injured at work. No pop.",
            "He heard no pop at the time of the injury.",
            "He denies any injury.",
        ),
        (
            "She has weakness of the arm. She saw no doctor.",
            "She saw no doctor despite her weakness.",
            "She has no weakness.",
        ),
        # where a denial ends in talk without punctuation
        (
            "[doctor] stop taking motrin the only thing i want you taking is tylenol\n[patient] ok",
            "He takes Tylenol.",
            "He takes Tylenol and has a fever.",
        ),
        (
            "[patient] i ca n't catch my breath and i feel weak\n[doctor] okay",
            "He feels weak and cannot catch his breath.",
            "He does not feel weak.",
        ),
        # the same words with their denial
        (
            "No ulcers, no other suspicious moles, no nodes.",
            "No other suspicious moles.",
            "There are ulcers.",
        ),
        ("No cough. Fever is present.", "No cough.", "No fever."),
        # homonyms
        ("The PPD was positive.", "PPD was positive.", "He smokes 2 ppd."),
        ("He has a cough. Return in 4 months.", "See him back in 4 months.", "His back hurts."),
        ("He came from Peru.", "He came from a trip to Peru.", "He tripped and fell."),
        (
            "We try all measures first.",
            "We are exhausting all measures first.",
            "She is exhausted.",
        ),
        ("She has a 2nd opinion. Established patient.", "Established patient.", "Seen on Monday."),
        ("He has MS: no relapse.", "MS: no relapse. He walks. He works.", "MS: two relapses."),
        # numbers that count nothing
        ("No family history of dementia.", "No one else has dementia.", "Two others have it."),
        (
            "[doctor] any fever or chills\n[patient] yes a fever",
            "Ten-point review of systems shows fever.",
            "Fever for ten days.",
        ),
        ("The mass was point four centimeters.", "The mass is 0.4 cm.", "The mass is 0.5 cm."),
        ("In March 85 kg. Today 80 kg.", "Lost 5 kg since March.", "Lost 8 kg since March."),
        ("In March 85 kg. Today 80 kg.", "Lost 5 kg since March.", "Gained 5 kg since March."),
        ("Today 76 kg, before 82 kg.", "She lost 6 kg.", "She gained 6 kg."),
        ("Chronic urolithiasis.", "He has kidney stones.", "He has gallstones."),
        # what a question takes for granted, and what none answers with `no`
        (
            "Doctor: Do you think you need any medication for your asthma?\nPatient: No.",
            "She does have asthma.",
            "She has pneumonia.",
        ),
        (
            "Doctor: How are her eating and sleeping habits?\nPatient: I haven't missed a meal.",
            "Eating and sleeping well.",
            "Sleeps 5 hours.",
        ),
        # whose it is that the source affirms
        (
            "Doctor: Since you have a family history of diabetes, any numbness?\nPatient: No.",
            "No history of diabetes.",
            "He has numbness.",
        ),
        (
            "My father had gout. My mother and father both have asthma.",
            "Asthma in the patient's mother and father.",
            "Asthma in his aunt.",
        ),
        (
            "Smoking: none. Lives with his wife.",
            "Is a nonsmoker and lives with his wife.",
            "Smokes.",
        ),
        (
            "Doctor: Does your aunt or sister have diabetes?\nPatient: My aunt, for a long time.",
            "His aunt has diabetes.",
            "His sister has diabetes.",
        ),
        (
            "Four brothers aged 18, 16, 14 and 12. Mom and dad live at home.",
            "Lives with mom, dad, and 18-, 16-, 14- and 12-year-old brothers.",
            "Lives with mom, dad, and 18-year-old sister.",
        ),
        # where a denial ends
        ("No tobacco. Rare alcohol use.", "No tobacco, rare alcohol use.", "He uses tobacco."),
        (
            "Do not resuscitate. Palliative care is in place.",
            "Do not resuscitate, palliative care in place.",
            "Do not resuscitate, no palliative care.",
        ),
        (
            "He denies drug use. He drinks beer, so alcohol use is present.",
            "He denies drug use and drinks beer.",
            "He denies alcohol use.",
        ),
        ("Doctor: Alcohol?\nPatient: No.", "Alcohol use, denies.", "Drinks alcohol."),
        (
            "She has no difficulty urinating.",
            "Having no difficulty urinating.",
            "Difficulty urinating.",
        ),
        ("She has no allergic reactions.", "Remembers no allergic reactions.", "Allergic to eggs."),
        # a habit that has ended, a drug that is not taken daily
        (
            "He quit smoking 27 years ago.",
            "He has not smoked for 27 years.",
            "He has smoked 40 years.",
        ),
        (
            "Sometimes she takes Allegra.",
            "She has not been taking Allegra daily.",
            "Allegra daily.",
        ),
        # homonyms
        (
            "He uses a walker.",
            "He walks with the aid of a walker.",
            "He has AIDS and uses a walker.",
        ),
        ("Tingling of both legs.", "Tingling of BLE.", "Bleeding of both legs."),
        (
            "A man. Seen by Mrs. Gray.",
            "A man, a patient of Mrs. Gray.",
            "A woman, seen by Mrs. Gray.",
        ),
        # a scale, a length, a count a day, a month of a year
        ("Pain 7 out of 10.", "Pain is 7 on a 0 to 10 scale.", "Pain is 8 on a 0 to 10 scale."),
        ("See her in a week.", "Follow up within a week.", "Follow up within 2 weeks."),
        ("Three times a day.", "He took three pills a day.", "He took it once a day."),
        ("He had a bypass in August 1995.", "Bypass in 8/95.", "Bypass in 7/95."),
        # two sides that are compared
        (
            "My hips hurt, my right hip more than my left.",
            "Right hip pain and now left hip pain.",
            "Hip pain for 3 weeks.",
        ),
        # a grade is a severity
        ("Edema 2+ of both legs.", "Moderate edema of both legs.", "Trace edema of both legs."),
    ],
)
def test_the_right_sentence_passes_and_the_wrong_one_is_flagged(
    source: str, right: str, wrong: str
) -> None:
    assert not flagged(source, right)
    assert flagged(source, wrong)


@pytest.mark.parametrize(
    ("source", "draft", "severity"),
    [
        ("He has knee pain.", "He has left knee pain.", "minor"),
        ("He had knee surgery.", "He had left knee surgery.", "major"),
        ("His right knee hurts.", "Strength is full on the left.", "minor"),
        ("He has left knee pain.", "He has right knee pain.", "major"),
        ("He was seen.", "He was seen after physical therapy.", "major"),
        ("[doctor] hello .\n[patient] hi .", "He was seen after physical therapy.", "minor"),
        ("He was seen.", "He was seen and takes metoprolol.", "major"),
    ],
)
def test_what_is_only_not_said_is_major_where_it_does_most_harm(
    source: str, draft: str, severity: str
) -> None:
    (flag,) = (flag for claim in review(source, draft).claims for flag in claim.flags)
    assert flag.severity == severity


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        ("Metoprolol 25 mg BID.", "Metoprolol 25 mg twice a day."),
        ("Take atorvastatin nightly.", "Takes atorvastatin at bedtime."),
        ("Lisinopril was stopped.", "Lisinopril was discontinued."),
        ("Start metformin.", "Begin metformin."),
        ("Aspirin 81 mg q.d.", "Aspirin 81 mg every day."),
        ("Ibuprofen 400 mg every 8 hours.", "Ibuprofen 400 mg three times a day."),
        ("Take 1 tablet by mouth daily.", "One tablet PO once a day."),
    ],
)
def test_the_same_in_other_words_is_supported(source: str, draft: str) -> None:
    (claim,) = review(source, draft).claims
    assert claim.label == "supported"


@pytest.mark.parametrize(
    ("source", "draft", "missing"),
    [
        ("Take metformin.", "Takes metformin at bedtime.", "at bedtime"),
        ("Take metformin daily.", "Takes metformin by mouth daily.", "by mouth"),
        ("Take metformin at night.", "Takes metformin in the morning.", "in the morning"),
    ],
)
def test_how_often_and_which_way_must_be_found(source: str, draft: str, missing: str) -> None:
    (claim,) = review(source, draft).claims
    assert claim.label != "supported"
    assert claim.flags or missing in claim.missing


def test_what_is_measured_is_no_procedure() -> None:
    found = review("Blood pressure 120/80. Colonoscopy in May.", "He was seen.").omissions
    assert [o.reason for o in found] == [
        "procedure not in the draft: colonoscopy",
        "measurement not in the draft: blood pressure",
    ]


@pytest.mark.parametrize(
    ("draft", "lost"),
    [
        ("He had pain then, but he have none now.", True),
        ("The pain interfere with his work.", True),
        ("She took an antacid and had some relief so she seek no one.", True),
        ("Both are healthy and she spend much time with them.", True),
        ("Does she smoke at home?", False),
        ("We recommended rest and that she return in May.", False),
        ("Ms. Hill report a cough.", True),
        ("She is worried that this will occur.", False),
        ("The pain and stiffness have improved.", False),
        ("It is important that he take the tablets.", False),
    ],
)
def test_a_form_that_only_a_lost_denial_explains(draft: str, lost: bool) -> None:
    reasons = [f.reason for c in review(draft, draft).claims for f in c.flags]
    assert any("may be lost" in reason for reason in reasons) is lost


def test_a_side_is_not_compared_with_itself() -> None:
    source = "Her thigh is worse on the right than on the left."
    assert flagged(source, "Her thigh is worse on her right than on her right.")
    assert not flagged(source, source)


WOBBLY = """Doctor: How did it go?
Patient: I could hardly stay up on my feet, I nearly fell over.
Doctor: Any cough?
Patient: Yes, a cough."""


def test_a_symptom_is_met_by_the_words_around_it_and_not_by_its_neighbours() -> None:
    assert not flagged(WOBBLY, "She felt unsteady on her feet.")
    assert flagged(WOBBLY, "She felt unsteady on her feet and had hemoptysis.")
    assert flagged(WOBBLY, "She also reports hemoptysis.")


def test_a_denial_of_some_of_a_thing_leaves_room_for_it() -> None:
    source = "Doctor: Any weakness?\nPatient: Yes, I have weakness in my leg."
    assert not flagged(source, "She denied any other weakness.")
    assert flagged(source, "She denied any weakness.")


@pytest.mark.parametrize(("draft", "wrong"), [("over the course of a day", False),
                                             ("twice a day", True)])  # fmt: skip
def test_how_long_is_not_how_often(draft: str, wrong: bool) -> None:
    source = "The numbness began in a finger and spread to the wrist within hours."
    found = [f.check for c in review(source, f"The numbness spread {draft}.").claims
             for f in c.flags]  # fmt: skip
    assert ("frequency" in found) is wrong


def test_documented_is_no_certainty() -> None:
    source = "Doctor: You have had asthma since childhood.\nPatient: Yes."
    assert not flagged(source, "She has documented asthma since childhood.")
    assert flagged(source, "She has proven asthma since childhood.")
