"""What a wrong thought flagged: the right sentence passes now, a wrong one beside it does not."""

import pytest

from edgemed.clinic.checks.review import review


def flagged(source: str, draft: str) -> bool:
    return any(claim.flags for claim in review(source, draft).claims)


@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
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
